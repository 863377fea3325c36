import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../config/errors.ts';
import { findConfig, loadFiles } from '../../config/files.ts';

describe('configuration files', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'files-'));
  });
  after(() => rm(directory, { recursive: true }));

  async function file(name: string, text: string): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o644 });
    return path;
  }

  async function refusal(path: string): Promise<string> {
    try {
      await loadFiles(path);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    }
    assert.fail(`${path} was not refused`);
  }

  const formats: readonly [string, string][] = [
    ['yaml', 'bucket: "007"\nexclude:\n  - a\n'],
    ['yml', 'bucket: "007"\nexclude: [a]\n'],
    ['json', '{"bucket": "007", "exclude": ["a"]}'],
    ['jsonc', '{"bucket": "007", /* why */ "exclude": ["a"]}'],
    ['json5', '{bucket: "007", exclude: ["a"]}'],
    ['toml', 'bucket = "007"\nexclude = ["a"]\n'],
    ['ts', 'const bucket: string = "007";\nexport default { bucket, exclude: ["a"] };\n'],
    ['mjs', 'export default { bucket: "007", exclude: ["a"] };\n'],
  ];
  for (const [extension, text] of formats) {
    it(`are parsed as .${extension}`, async () => {
      const path = await file(`format.${extension}`, text);
      assert.deepEqual(await loadFiles(path), [{ path, layer: { bucket: '007', exclude: ['a'] } }]);
    });
  }

  it('may be empty, or have only comments', async () => {
    for (const text of ['', '\n', '# nothing yet\n---\n']) {
      const path = await file('empty.yaml', text);
      assert.deepEqual(await loadFiles(path), [{ path, layer: {} }]);
    }
  });

  it('are ordered by precedence: extended files in their order, then the file itself', async () => {
    await file('grand.yaml', 'retention: 1\n');
    await file('left.yaml', 'extends: grand.yaml\nretention: 2\n');
    await file('right.yaml', 'extends: grand.yaml\nretention: 3\n');
    const top = await file('top.yaml', 'extends: [left.yaml, right.yaml]\n');
    const layers = await loadFiles(top);
    assert.deepEqual(
      layers.map(({ layer }) => layer.retention),
      [1, 2, 1, 3, undefined],
    );
  });

  it('are rejected with the chain if one extends itself through others', async () => {
    await file('b.yaml', 'extends: a.yaml\n');
    const a = await file('a.yaml', 'extends: b.yaml\n');
    assert.match(await refusal(a), /extends itself \(.*a\.yaml -> .*b\.yaml -> .*a\.yaml\)/);
  });

  it('are rejected by name if they are missing', async () => {
    assert.match(await refusal(join(directory, 'none.yaml')), /Cannot read the configuration .*none\.yaml.*ENOENT/);
    const path = await file('extends-none.yaml', 'extends: none.yaml\n');
    assert.match(await refusal(path), /none\.yaml \(extended by .*extends-none\.yaml\)/);
  });

  it('are never loaded from a network or a package', async () => {
    for (const source of ['gh:user/repository', 'https://example.org/config.yaml', 'npm:config', '']) {
      const path = await file('remote.yaml', `extends: "${source}"\n`);
      assert.match(await refusal(path), /'extends' must name a local file/, source);
    }
    const path = await file('package.yaml', 'extends: consola\n');
    assert.match(await refusal(path), /Cannot read the configuration .*consola/);
  });

  it('are rejected for an unknown key, with the nearest valid one', async () => {
    const path = await file('typo.yaml', 'bukcet: x\n');
    assert.equal(await refusal(path), `Cannot use ${path}: unknown key 'bukcet'; did you mean 'bucket'?`);
  });

  it('are rejected for a value of the wrong type, and never print a secret', async () => {
    const number = await file('number.yaml', 'bucket: 007\n');
    assert.match(await refusal(number), /number\.yaml: 'bucket' must be text \(quote it\): got 7/);
    const secret = await file('secret.yaml', 'storageArgs: "secret=hunter2"\n');
    const message = await refusal(secret);
    assert.match(message, /'storageArgs' must be a list/);
    assert.doesNotMatch(message, /hunter2/);
  });

  it('are rejected if they are not a table, or cannot be parsed', async () => {
    assert.match(await refusal(await file('list.yaml', '- a\n')), /must be a table of keys and values/);
    assert.match(await refusal(await file('word.yaml', 'word\n')), /must be a table of keys and values/);
    assert.match(await refusal(await file('cut.json', '{"bucket": ')), /Cannot read the configuration .*cut\.json/);
    assert.match(await refusal(await file('config.ini', 'a=b')), /its name must end in one of/);
  });

  it('are not searched for next to the given one', async () => {
    await file('.env', 'WHISPER_BACKUP_BUCKET=dotenv\n');
    await file('.configrc', 'bucket=rc\n');
    await file('package.json', '{"config": {"bucket": "package"}}');
    const path = await file('alone.yaml', 'retention: 3\n');
    assert.deepEqual(await loadFiles(path), [{ path, layer: { retention: 3 } }]);
    assert.equal(process.env['WHISPER_BACKUP_BUCKET'], undefined);
  });

  it('of the host are one config.* in its directory; two are rejected as ambiguous', async () => {
    const etc = await mkdtemp(join(directory, 'etc-'));
    assert.equal(await findConfig(join(etc, 'absent')), undefined);
    assert.equal(await findConfig(etc), undefined);
    await writeFile(join(etc, 'site.yaml'), '');
    await writeFile(join(etc, 'config.toml'), '');
    assert.equal(await findConfig(etc), join(etc, 'config.toml'));
    await writeFile(join(etc, 'config.yaml'), '');
    await assert.rejects(findConfig(etc), /found config\.yaml, config\.toml; keep only one/);
  });

  it('in the examples are valid, and the host extends the site', async () => {
    // Copied, for the checkout may be writable by others.
    for (const name of ['site.yaml', 'host.yaml']) {
      const path = fileURLToPath(new URL(`../../config/examples/${name}`, import.meta.url));
      await file(name, await readFile(path, 'utf8'));
    }
    const [site, host] = await loadFiles(join(directory, 'host.yaml'));
    assert.equal(site?.layer.purge, 45);
    assert.equal(host?.layer.storage, 'disk');
  });
});
