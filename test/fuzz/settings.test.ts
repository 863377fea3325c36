import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe } from 'node:test';
import fc from 'fast-check';
import { ConfigError, UsageError } from '../../config/errors.ts';
import { loadFiles } from '../../config/files.ts';
import { resolveConfig } from '../../config/layers.ts';
import { keys } from '../../config/schema.ts';
import { readArguments } from '../../config/storage/arguments.ts';
import { readCloud } from '../../config/storage/clouds-yaml.ts';
import { checkStorage } from '../../config/storage/storage.ts';
import { parseArgv } from '../../scripts/cli/argv.ts';
import { optionTable } from '../../scripts/cli/option-table.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { fuzz, inputsTried, typed, typedLater } from './fuzz.ts';
import { mutatedText } from './mutation.ts';

const it = casesOf('fuzz', inputsTried);

const yaml = [
  '&a',
  '*a',
  '<<: *a',
  '- ',
  ': ',
  '[',
  ']',
  '{',
  '}',
  '!!js/function',
  '!!binary',
  '|',
  '>',
  '\t',
  '---\n',
  '#',
];
const json = [
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  ':',
  'null',
  '1e400',
  '-0',
  '"__proto__":',
  '\\ud800',
  '//',
  '/*',
  'NaN',
  'Infinity',
];
const toml = ['[', ']', '[[', '=', '"""', "'''", '0x', 'inf', 'nan', '1979-05-27T07:32:00Z', '.', '#', '{', '}'];
const names = [...keys, 'extends', '__proto__', 'constructor', 'toString', '\0', '\ufeff'];

/** Files that say the same, and circles that YAML alone can draw. */
const configs: Readonly<Record<string, readonly [sound: readonly string[], words: readonly string[]]>> = {
  yaml: [
    [
      'bucket: web01\nexclude:\n  - a.*\nretention: 30\nnoop: no\n',
      'bucket: &a [*a]\n',
      'exclude: &a\n  - *a\n',
      '&a\nextends: *a\n',
      'extends: &a [*a]\nbucket: x\n',
      'x: &x [y, y]\nbucket: [*x, *x]\n',
    ],
    yaml,
  ],
  json: [['{"bucket": "web01", "exclude": ["a.*"], "retention": 30, "noop": false}'], json],
  jsonc: [['{"bucket": "web01", /* why */ "exclude": ["a.*"],}'], json],
  json5: [["{bucket: 'web01', exclude: ['a.*'], retention: +30}"], json],
  toml: [['bucket = "web01"\nexclude = ["a.*"]\nretention = 30\nnoop = false\n'], toml],
};

describe('any configuration file', () => {
  for (const [format, [sound, words]] of Object.entries(configs)) {
    it(`in ${format} is parsed, or rejected with a typed error`, async () => {
      await using scratch = await createScratch();
      const file = scratch.at(`config.${format}`);
      await fuzz(mutatedText(sound, [...words, ...names]), 600, async (text) => {
        await writeFile(file, text, { mode: 0o600 });
        const layers = await typedLater(() => loadFiles(file));
        for (const { layer } of layers ?? []) for (const key of Object.keys(layer)) assert.ok(names.includes(key));
      });
    });

    it(`in ${format} is rejected if it is nested deeply`, async () => {
      await using scratch = await createScratch();
      const file = scratch.at(`config.${format}`);
      const [start, end] =
        format === 'toml' ? ['bucket = ', ''] : format === 'yaml' ? ['bucket: ', ''] : ['{"bucket": ', '}'];
      await writeFile(file, start + '['.repeat(100_000) + ']'.repeat(100_000) + end, { mode: 0o600 });
      await assert.rejects(loadFiles(file), ConfigError);
    });
  }

  it('in YAML that grows a thousandfold with each line is rejected with a short error', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('config.yaml');
    const lines = Array.from({ length: 9 }, (_, i) => `  - &a${i + 1} [${`*a${i},`.repeat(10)}]`);
    for (const key of ['bucket', 'exclude', 'extends', 'retention', 'storageArgs']) {
      await writeFile(file, `${key}:\n  - &a0 [x,x]\n${lines.join('\n')}\n`, { mode: 0o600 });
      await assert.rejects(loadFiles(file), (error) => error instanceof ConfigError && error.message.length < 1000);
    }
  });
});

describe('any clouds.yaml', () => {
  it('contains a login, or is rejected with a typed error', async () => {
    await using scratch = await createScratch();
    const directory = await scratch.directory('openstack');
    const sound = [
      'clouds:\n  x:\n    auth:\n      auth_url: https://keystone/v3\n      username: u\n      password: p\n    region_name: r\n',
      'clouds:\n  x: &a\n    auth: *a\n',
      'clouds: &c\n  x: *c\n',
      'clouds:\n  x: &a\n    y: *a\n    auth: {username: u}\n',
    ];
    const words = [...yaml, 'clouds:', 'x:', '__proto__:', 'auth:', 'profile: p', 'verify: false', 'null', '12'];
    const text = mutatedText(sound, words);
    await fuzz(fc.tuple(text, text), 1500, async ([clouds, secure]) => {
      await writeFile(`${directory}/clouds.yaml`, clouds, { mode: 0o600 });
      await writeFile(`${directory}/secure.yaml`, secure, { mode: 0o600 });
      const environment = { OS_CLIENT_CONFIG_FILE: `${directory}/clouds.yaml` };
      const settings = await typedLater(() =>
        readCloud('x', { environment, home: directory, systemDirectory: directory }),
      );
      for (const value of Object.values(settings ?? {})) assert.ok(value === undefined || typeof value === 'string');
    });
  });
});

describe('any command line', () => {
  const options = optionTable.flatMap(({ name, letter }) => [
    `--${name}`,
    ...(letter === undefined ? [] : [`-${letter}`]),
  ]);
  const value = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('', '-', '--', '=', '-1', 'true', '1e400', '20M', 'a=b', 'path=/x', '__proto__', '\0', '\ud800'),
  );
  const word = fc.oneof(
    fc.constantFrom(
      ...options,
      '--__proto__',
      '--constructor',
      '--no-',
      '---',
      'backup',
      'restore',
      'disk',
      's3',
      'swift',
    ),
    fc.tuple(fc.constantFrom(...options), value).map(([option, value]) => `${option}=${value}`),
    fc.tuple(fc.constantFrom(...options), value).map(([option, value]) => `${option}${value}`),
    value,
  );

  it('is parsed, or rejected with a typed error', async () => {
    await using scratch = await createScratch();
    await mkdir(scratch.at('none'));
    await fuzz(fc.array(word, { maxLength: 8 }), 5000, async (argv) => {
      const parsed = typed(() => parseArgv(argv));
      if (!parsed) return;
      const { words, values, options } = parsed;
      assert.ok(words.length + options.size <= argv.join('').length + argv.length);
      const [storage, ...storageArgs] = words;
      if (storage !== undefined) {
        typed(() => checkStorage(storage));
        typed(() => readArguments('s3', storageArgs, ['endpoint', 'region']));
      }
      const { config: _, ...flags } = values;
      const resolved = await typedLater(() =>
        resolveConfig({ flags, files: [], environment: {}, directory: scratch.path, system: scratch.at('none') }),
      );
      if (resolved) assert.equal(typeof resolved.config.bucket, 'string');
    });
  });

  it('is rejected by validation, not by accident', () => {
    for (const argv of [['--__proto__=x'], ['--constructor'], ['--bucket'], ['-\0'], ['--noop=maybe'], ['--=']])
      assert.throws(() => parseArgv(argv), UsageError, argv[0]);
  });
});
