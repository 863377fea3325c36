import assert from 'node:assert/strict';
import { symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { run } from './program.ts';

const FILES = ['--nolog', '--nolock', '--nostamp'];

/** A server that speaks HTTP, and knows nothing. */
async function startHttp(): Promise<AsyncDisposable & { readonly host: string }> {
  const server = createServer((_, answer) => answer.writeHead(404).end('no'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a message', () => {
  const broken: readonly [string, string, RegExp][] = [
    ['x.yaml', 'bucket: x\n  foo: [\n', /bad indentation of a mapping entry \(2:6\)\n$/],
    ['x.toml', 'bucket = "x"\nexclude = [\n', /Invalid TOML document: unfinished array encountered.*\n$/],
    ['x.json', '{"bucket": x', /Cannot read the configuration \S+x\.json: Unexpected token .*\n$/],
  ];
  for (const [name, text, message] of broken) {
    it(`about an unreadable configuration is one line without escapes: ${name}`, async () => {
      await using scratch = await createScratch();
      await writeFile(scratch.at(name), text);
      const { code, stderr } = await run(['--config', scratch.at(name), 'config']);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\\x0a|\^/);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    });
  }

  it('reports at once if https was used for a port with plain http', async () => {
    await using server = await startHttp();
    const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const s3 = await run(['list', 's3', `endpoint=https://${server.host}`], { env: keys });
    assert.equal(s3.code, 1, s3.stderr);
    assert.match(s3.stderr, /does not speak TLS on this port; use http:\/\/ instead of https:\/\//);
    const env = { ST_AUTH: `https://${server.host}/auth/v1.0`, ST_USER: 'a:b', ST_KEY: 'c' };
    const swift = await run(['list', 'swift'], { env });
    assert.equal(swift.code, 1, swift.stderr);
    assert.match(swift.stderr, /does not speak TLS on this port; use http:\/\/ instead of https:\/\//);
    for (const { stderr } of [s3, swift]) assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  });

  it('names ST_AUTH if it is not a URL, or not one of a login', async () => {
    await using server = await startHttp();
    const env = { ST_USER: 'a:b', ST_KEY: 'c' };
    const none = await run(['list', 'swift'], { env: { ...env, ST_AUTH: 'swift.example.org' } });
    assert.equal(none.code, 2, none.stderr);
    assert.match(none.stderr, /ST_AUTH.*must be a URL with http or https: got "swift\.example\.org"/);
    const wrong = await run(['list', 'swift'], { env: { ...env, ST_AUTH: `http://${server.host}/v1` } });
    assert.equal(wrong.code, 1, wrong.stderr);
    assert.match(wrong.stderr, /the server has no login at this URL \(404\)\. Set the URL of auth v1, e\.g\. https:/);
  });

  it('of Amazon’s SDK is not printed', async () => {
    await using server = await startHttp();
    const env = {
      AWS_PROFILE: 'nope',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const { code, stderr } = await run(['list', 's3', `endpoint=http://${server.host}`], { env });
    assert.equal(code, 12, stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  });

  it('names the missing thing and the remedy', async () => {
    await using scratch = await createScratch();
    const none = scratch.at('none');
    const tree = await run([...FILES, '-p', none, '--no-cache', 'backup', 'noop']);
    assert.equal(tree.code, 1);
    assert.match(
      tree.stderr,
      /local tree: \S+none \(--prefix\): no such file or directory \(ENOENT\): mount or create it, or check --prefix\n$/,
    );
    const bucket = await run([...FILES, '-b', 'typo', 'list', 'disk', scratch.path]);
    assert.equal(bucket.code, 10);
    assert.match(bucket.stderr, /\/typo does not exist\. Mount its disk, or check path= and --bucket\.\n$/);
    const file = await run([...FILES, 'show', `${none}.wsp`]);
    assert.equal(file.code, 1);
    assert.match(file.stderr, /Cannot read \S+none\.wsp: it does not exist\n$/);
  });

  it('names the problem with a path and the remedy', async () => {
    await using scratch = await createScratch();
    await symlink('loop', scratch.at('loop'));
    const loop = /part of a loop of (symbolic )?links/.source;
    const said: readonly [readonly string[], string][] = [
      [['--config', scratch.at('none.yaml'), 'config'], 'no such file or directory \\(ENOENT\\): check --config'],
      [['--config', scratch.at('loop'), 'config'], `${loop}; name the file itself`],
      [['-p', scratch.at('loop'), 'backup', 'noop'], `${loop} \\(ELOOP\\): check --prefix`],
      [['--state-dir', scratch.at('loop'), 'backup', 'disk', scratch.path], `${loop} .*Use a directory that`],
      [['--state-dir', scratch.at('loop'), 'status'], `${loop} .*see --state-dir`],
      [['--credentials', scratch.at('none'), 'list', 's3'], 'no such file or directory .*: check --credentials'],
    ];
    for (const [args, message] of said) {
      const { code, stderr } = await run([...FILES, ...args]);
      assert.notEqual(code, 0);
      assert.match(stderr, new RegExp(`${message}.*\\n$`), args.join(' '));
      assert.doesNotMatch(stderr, /, (stat|lstat|open|realpath) '/);
    }
    const lock = await run(['-p', scratch.path, '--nolog', '--lockfile', scratch.at('loop'), 'backup', 'noop']);
    assert.match(lock.stderr, new RegExp(`${loop} \\(ELOOP\\)\\. Check --lockfile`));
  });

  it('names the exclusion if nothing is left to back up', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.path, ['a.wsp']);
    const { code, stderr } = await run([
      ...FILES,
      '-p',
      scratch.path,
      '--no-cache',
      '--exclude',
      '*',
      'backup',
      'noop',
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /has no Whisper file that is not excluded by "\*"$/m);
  });

  it('at the end of a fill has the number of filled points', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.path, ['a.wsp', 'b.wsp']);
    const { code, stderr } = await run([...FILES, 'fill', scratch.at('a.wsp'), scratch.at('b.wsp')]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /: points filled \d+\n$/);
  });

  it('of doctor reports a missing tree once, and does not mention systemctl without systemd', async () => {
    await using scratch = await createScratch();
    const args = ['--json', '-p', scratch.at('no tree'), '--no-cache', 'doctor', 'disk', scratch.path];
    const { stdout } = await run([...FILES, ...args]);
    const { checks } = JSON.parse(stdout);
    const blaming = checks.filter(
      ({ level, finding }: { level: string; finding: string }) => level === 'bad' && finding.includes('no tree'),
    );
    assert.deepEqual(
      blaming.map(({ name }: { name: string }) => name),
      ['prefix'],
    );
    const timer = checks.find(({ name }: { name: string }) => name === 'timer');
    if (/does not run systemd/.test(timer.finding)) assert.doesNotMatch(stdout, /systemctl|journalctl/);
  });
});
