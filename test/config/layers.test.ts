import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { defaults } from '../../config/defaults.ts';
import { ConfigError } from '../../config/errors.ts';
import { resolveConfig, type Sources } from '../../config/layers.ts';

describe('the layers of the configuration', () => {
  let directory = '';
  let nothing: Sources;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'layers-'));
    nothing = { flags: {}, files: [], environment: {}, directory, system: join(directory, 'absent') };
  });
  after(() => rm(directory, { recursive: true }));

  async function file(name: string, text: string): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o644 });
    return path;
  }

  it('have the defaults, with that origin, if nothing else is set', async () => {
    const { config, origins } = await resolveConfig(nothing);
    for (const [key, value] of Object.entries(defaults)) {
      assert.deepEqual(Object.entries(config).find(([name]) => name === key)?.[1], value, key);
    }
    assert.equal(config.retention, 5);
    assert.equal(origins.get('retention'), 'default');
    assert.equal(origins.get('storage'), undefined);
  });

  it('have policies only in files: a higher file replaces them, and each entry is validated', async () => {
    const low = await file('low-policies.yaml', 'policies:\n  - { match: "a.*", retention: 1 }\n  - { match: "b" }\n');
    const high = await file('high-policies.yaml', 'policies:\n  - match: "stats.*"\n    keepMonthly: 0\n');
    const { config, origins } = await resolveConfig({ ...nothing, files: [low, high] });
    assert.deepEqual(config.policies, [{ match: 'stats.*', keepMonthly: 0 }]);
    assert.equal(origins.get('policies'), high);
    const wrong = [
      ['- { match: "a", retention: 0 }', /'policies', entry 1, retention must be a whole number of at least 1: got 0/],
      ['- { match: a }\n  - { retention: 1 }', /'policies', entry 2, match must be/],
      [
        '- { match: a, purge: 3 }',
        /'policies', entry 1, purge must be a table of match and some of retention, keepWithin/,
      ],
      ['- a', /'policies', entry 1 must be a table of match/],
      ['{ match: a }', /'policies' must be a list of policies/],
    ] as const;
    for (const [text, message] of wrong) {
      const path = await file('wrong-policies.yaml', `policies:\n  ${text}\n`);
      await assert.rejects(resolveConfig({ ...nothing, files: [path] }), message);
    }
    const variable = { WHISPER_BACKUP_POLICIES: 'a' };
    await assert.rejects(resolveConfig({ ...nothing, environment: variable }), /WHISPER_BACKUP_POLICIES, entry 1/);
  });

  it('give precedence to the higher layer, key by key, and name the origin of each value', async () => {
    const system = await mkdtemp(join(directory, 'etc-'));
    const systemFile = join(system, 'config.json');
    await writeFile(systemFile, '{"retention": 2, "purge": 2, "processes": 2, "metrics": "two", "splay": 2}');
    const low = await file('low.yaml', 'purge: 3\nprocesses: 3\nmetrics: three\nsplay: 3\n');
    const high = await file('high.toml', 'processes = 4\nmetrics = "four"\nsplay = 4\n');
    const { config, origins } = await resolveConfig({
      ...nothing,
      system,
      files: [low, 'high.toml'],
      environment: { WHISPER_BACKUP_METRICS: 'five', WHISPER_BACKUP_SPLAY: '5', HOME: '/nowhere' },
      flags: { splay: ['6'] },
    });
    assert.deepEqual(
      [config.retention, config.purge, config.processes, config.metrics, config.splay],
      [2, 3, 4, 'five', 6],
    );
    assert.deepEqual(
      (['retention', 'purge', 'processes', 'metrics', 'splay', 'bucket'] as const).map((key) => origins.get(key)),
      [systemFile, low, high, 'WHISPER_BACKUP_METRICS', '--splay', 'default'],
    );
  });

  it('use the files of the environment, unless some are given as options', async () => {
    const one = await file('one.yaml', 'bucket: one\nretention: 1\n');
    const two = await file('two.yaml', 'bucket: two\n');
    const environment = { WHISPER_BACKUP_CONFIG: `${one}:${two}` };
    const named = await resolveConfig({ ...nothing, environment });
    assert.equal(named.config.bucket, 'two');
    assert.equal(named.config.retention, 1);
    const typed = await resolveConfig({ ...nothing, environment, files: [one] });
    assert.equal(typed.config.bucket, 'one');
  });

  it('let a file extend others by paths relative to itself, and name the right file as origin', async () => {
    const site = await file('site.yaml', 'bucket: site\nretention: 9\nexclude: [a, b]\n');
    const host = await file('host.yaml', 'extends: ./site.yaml\nbucket: host\nexclude: [c]\n');
    const { config, origins } = await resolveConfig({ ...nothing, directory: '/', files: [host] });
    assert.equal(config.bucket, 'host');
    assert.equal(config.retention, 9);
    assert.deepEqual(config.exclude, ['c'], 'a list replaces the lower one, it is not concatenated');
    assert.equal(origins.get('retention'), site);
    assert.equal(origins.get('exclude'), host);
  });

  it('keep text unchanged, even if it looks like a number', async () => {
    for (const bucket of ['007', '1e5', '0x10', 'true', 'null', ' a ']) {
      assert.equal((await resolveConfig({ ...nothing, flags: { bucket: [bucket] } })).config.bucket, bucket);
      const environment = { WHISPER_BACKUP_BUCKET: bucket };
      assert.equal((await resolveConfig({ ...nothing, environment })).config.bucket, bucket);
    }
  });

  it('drop the storage arguments of a lower layer if a higher one has another storage', async () => {
    const base = await file('s3.yaml', 'storage: s3\nstorageArgs: [us-west-2]\n');
    const other = await resolveConfig({ ...nothing, files: [base], flags: { storage: ['disk'] } });
    assert.deepEqual(other.config.storageArgs, []);
    const same = await resolveConfig({ ...nothing, files: [base], flags: { storage: ['s3'] } });
    assert.deepEqual(same.config.storageArgs, ['us-west-2']);
  });

  it('treat an empty variable as unset, and an empty --exclude as an empty list', async () => {
    const base = await file('exclude.yaml', 'exclude: [a]\n');
    const environment = { WHISPER_BACKUP_BUCKET: '' };
    const { config } = await resolveConfig({ ...nothing, environment, files: [base], flags: { exclude: [''] } });
    assert.equal(config.bucket, 'graphite-backups');
    assert.deepEqual(config.exclude, []);
  });

  it('read flags and lists from the environment', async () => {
    const environment = {
      WHISPER_BACKUP_QUIET: 'yes',
      WHISPER_BACKUP_NO_FLOCK: '1',
      WHISPER_BACKUP_EXCLUDE: 'a.*,b.*',
      WHISPER_BACKUP_PURGE: '-1',
    };
    const { config } = await resolveConfig({ ...nothing, environment });
    assert.deepEqual([config.quiet, config.noFlock, config.exclude, config.purge], [true, true, ['a.*', 'b.*'], -1]);
  });

  it('read a time in seconds, minutes or hours, from a file and from the command line', async () => {
    const taken = { 90: 90, '90s': 90, '5m': 300, '1.5h': 5400, 0: 0 };
    for (const [retryFor, seconds] of Object.entries(taken)) {
      const { config } = await resolveConfig({ ...nothing, flags: { retryFor: [retryFor] } });
      assert.equal(config.retryFor, seconds, retryFor);
    }
    for (const text of ['retryFor: 2m', 'retryFor: 120']) {
      const { config } = await resolveConfig({ ...nothing, files: [await file('retry.yaml', text)] });
      assert.equal(config.retryFor, 120, text);
    }
  });

  it('read a bandwidth in bytes, or in powers of 1,024, from a file and from the command line', async () => {
    const taken: readonly [string, number][] = [
      ['20M', 20 * 1024 ** 2],
      ['1.5g', 1.5 * 1024 ** 3],
      ['64k', 65_536],
      ['500000', 500_000],
      ['0', 0],
    ];
    for (const [bandwidth, bytes] of taken) {
      const { config } = await resolveConfig({ ...nothing, flags: { bandwidth: [bandwidth] } });
      assert.equal(config.bandwidth, bytes, bandwidth);
    }
    for (const text of ['bandwidth: 2M', 'bandwidth: 2097152']) {
      const { config } = await resolveConfig({ ...nothing, files: [await file('bandwidth.yaml', text)] });
      assert.equal(config.bandwidth, 2 * 1024 ** 2, text);
    }
  });

  const refused: readonly [string, Partial<Sources>, RegExp][] = [
    [
      'an unknown variable',
      { environment: { WHISPER_BACKUP_BUKET: 'x' } },
      /WHISPER_BACKUP_BUKET.*WHISPER_BACKUP_BUCKET/,
    ],
    [
      'a variable of an option that is no key',
      { environment: { WHISPER_BACKUP_FORCE: '1' } },
      /WHISPER_BACKUP_FORCE; whisper-backup config lists the keys that have one$/,
    ],
    [
      'a number that is none',
      { environment: { WHISPER_BACKUP_RETENTION: '1e1' } },
      /WHISPER_BACKUP_RETENTION must be.*"1e1"/,
    ],
    ['retention 0', { flags: { retention: ['0'] } }, /--retention must be a whole number of at least 1: got 0/],
    ['purge -2', { flags: { purge: ['-2'] } }, /--purge must be a whole number of at least -1: got -2/],
    ['half a process', { flags: { processes: ['1.5'] } }, /--processes/],
    ...['fast', '20MB', '-1', '1e6', 'M', '20 M', ''].map((bandwidth): [string, Partial<Sources>, RegExp] => [
      `the bandwidth "${bandwidth}"`,
      { flags: { bandwidth: [bandwidth] } },
      new RegExp(`--bandwidth must be bytes per second, .*20M or 1G: got "${bandwidth}"`),
    ]),
    ...['soon', '5min', '-1', '1e3', '9999h', ''].map((retryFor): [string, Partial<Sources>, RegExp] => [
      `the time "${retryFor}"`,
      { flags: { retryFor: [retryFor] } },
      new RegExp(`--retry-for must be a number of seconds, .* such as 5m: got "${retryFor}"`),
    ]),
    ['a bandwidth below nothing', { environment: { WHISPER_BACKUP_BANDWIDTH: '-5M' } }, /_BANDWIDTH must be.*"-5M"/],
    ['an empty bucket', { flags: { bucket: [''] } }, /--bucket must not be empty/],
    ['an algorithm', { flags: { algorithm: ['xz'] } }, /--algorithm must be one of gz, zst: got "xz"/],
    [
      'a storage with its arguments',
      { flags: { storage: ['disk path=/srv'] } },
      /storage must be only the name; put arguments into storageArgs/,
    ],
    ['an unknown layout', { flags: { layout: ['pyhton'] } }, /--layout must be one of native, python: got "pyhton"/],
    ['both storage paths', { flags: { storagePath: ['a'], storagePathRaw: ['b'] } }, /storagePath.*storagePathRaw/],
  ];
  for (const [what, sources, message] of refused) {
    it(`reject ${what}, with its origin and the valid values`, async () => {
      await assert.rejects(resolveConfig({ ...nothing, ...sources }), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
