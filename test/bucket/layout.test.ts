import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  backupKey,
  ownKey,
  pairKeys,
  parseKey,
  quarantineKey,
  replacedKey,
  rootOf,
  tombstoneKey,
} from '../../lib/bucket/layout.ts';
import { isAmbiguous, metricOf, pathOf, pythonNameOf, pythonPathOf } from '../../lib/bucket/metric-name.ts';

const SHA1 = '3b71f43ff30f4b15b5cd85dd9e95ebc7e84eb5a3';
const TIMESTAMP = '2026-11-22T03:14:15+00:00';
const TIME = new Date('2026-11-22T03:14:15Z');

/** Pieces that encoding could mistake for one another, and characters from all over Unicode. */
const piece = fc.constantFrom(
  '.',
  '..',
  '%',
  '%2E',
  '%2e',
  '%25',
  '%2',
  '2E',
  '25',
  '-',
  '!',
  'a',
  ' ',
  '\\',
  '～',
  '😀',
);
const name = fc
  .oneof(
    fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'binary' }),
  )
  .filter((name) => name !== '' && !/[/\0]/.test(name));
const directory = name.filter((name) => name !== '.' && name !== '..');
const path = fc.tuple(fc.array(directory, { maxLength: 4 }), name).map(([names, last]) => [...names, last].join('/'));

describe('metricOf and pathOf', () => {
  it('are inverse for every path', () => {
    fc.assert(
      fc.property(path, (path) => assert.equal(pathOf(metricOf(path)), path)),
      { numRuns: 3000 },
    );
  });

  it('return distinct metrics for distinct paths', () => {
    fc.assert(
      fc.property(path, path, (a, b) => assert.equal(metricOf(a) === metricOf(b), a === b)),
      { numRuns: 3000 },
    );
  });

  it('return no metric with a slash, so that the first slash of a key ends the metric', () => {
    fc.assert(fc.property(path, (path) => assert.ok(!metricOf(path).includes('/'))));
  });

  it('reject metrics that no path encodes to', () => {
    const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, (metric) => {
        const path = pathOf(metric);
        if (path !== undefined) assert.equal(metricOf(path), metric);
      }),
      { numRuns: 3000 },
    );
    assert.equal(pathOf('a%25b'), undefined);
    assert.equal(pathOf('a%2525b'), 'a%25b');
  });

  it('escape dots and escape sequences, and nothing else', () => {
    const golden: [string, string][] = [
      ['servers/web01/cpu/idle', 'servers.web01.cpu.idle'],
      ['a.b/c', 'a%2Eb.c'],
      ['.hidden/x', '%2Ehidden.x'],
      ['100%', '100%'],
      ['50%2Eoff', '50%252Eoff'],
      ['a%25', 'a%2525'],
      ['a%2e', 'a%2e'],
      ['%.', '%%2E'],
      ['a b;tag=x', 'a b;tag=x'],
      ['ÿ～😀', 'ÿ～😀'],
    ];
    for (const [path, metric] of golden) assert.equal(metricOf(path), metric);
  });
});

describe('parseKey', () => {
  it('parses our own keys for every path', () => {
    fc.assert(
      fc.property(path, (path) => {
        const backup = parseKey(backupKey('', path, TIMESTAMP, SHA1, 'zst'));
        assert.deepEqual(backup, { kind: 'backup', path, time: TIME, sha1: SHA1, algorithm: 'zst' });
        const replaced = parseKey(replacedKey(backupKey('', path, TIMESTAMP, SHA1, 'zst')));
        assert.deepEqual(replaced, { kind: 'replaced', path, time: TIME, sha1: SHA1, algorithm: 'zst' });
        assert.deepEqual(parseKey(tombstoneKey('', path, TIMESTAMP)), { kind: 'tombstone', path, time: TIME });
      }),
      { numRuns: 1000 },
    );
  });

  it('parses pairs of every unambiguous path', () => {
    const plain = path.filter((path) => !isAmbiguous(path));
    fc.assert(
      fc.property(plain, (path) => {
        const { data, sha1 } = pairKeys('', path, TIMESTAMP);
        assert.deepEqual(parseKey(data), { kind: 'pair-data', path, time: TIME, algorithm: 'gz' });
        assert.deepEqual(parseKey(sha1), { kind: 'pair-sha1', path, time: TIME });
      }),
      { numRuns: 1000 },
    );
  });

  it('does not decode the name of a pair', () => {
    const single = parseKey(`a%2Eb/${TIMESTAMP}.${SHA1}.wsp.gz`);
    const pair = parseKey(`a%2Eb/${TIMESTAMP}.wsp.gz`);
    assert.ok(single.kind === 'backup' && single.path === 'a.b');
    assert.ok(pair.kind === 'pair-data' && pair.path === 'a%2Eb');
  });

  it('parses the documented layout, key by key', () => {
    const path = 'servers/web01/cpu/idle';
    const golden = {
      [`servers.web01.cpu.idle/${TIMESTAMP}.${SHA1}.wsp.gz`]: {
        kind: 'backup',
        path,
        time: TIME,
        sha1: SHA1,
        algorithm: 'gz',
      },
      [`servers.web01.cpu.idle/${TIMESTAMP}.${SHA1}.wsp.gz.replaced`]: {
        kind: 'replaced',
        path,
        time: TIME,
        sha1: SHA1,
        algorithm: 'gz',
      },
      [`servers.web01.cpu.idle/${TIMESTAMP}.gone`]: { kind: 'tombstone', path, time: TIME },
      [`servers.web01.cpu.idle/${TIMESTAMP}.wsp.gz`]: { kind: 'pair-data', path, time: TIME, algorithm: 'gz' },
      [`servers.web01.cpu.idle/${TIMESTAMP}.wsp.sz`]: { kind: 'pair-data', path, time: TIME, algorithm: 'sz' },
      [`servers.web01.cpu.idle/${TIMESTAMP}.sha1`]: { kind: 'pair-sha1', path, time: TIME },
      '.whisper-backup/owner.json': { kind: 'own' },
      [`.whisper-backup/runs/${TIMESTAMP}.json`]: { kind: 'own' },
      '.whisper-backup/probe': { kind: 'own' },
    };
    for (const [key, parsed] of Object.entries(golden)) assert.deepEqual(parseKey(key), parsed);
  });

  it('returns foreign for everything else', () => {
    const foreign = [
      '',
      '/',
      'readme.txt',
      'a/readme.txt',
      TIMESTAMP,
      `/${TIMESTAMP}.gone`,
      `a/b/${TIMESTAMP}.gone`,
      `a/${TIMESTAMP}.gone/`,
      `a/${TIMESTAMP}.gone\n`,
      // The day, hour or form does not exist.
      `a/2026-02-30T03:14:15+00:00.gone`,
      `a/2026-11-22T25:00:00+00:00.gone`,
      `a/2026-11-22T24:00:00+00:00.gone`,
      `a/2026-11-22T03:14:60+00:00.gone`,
      `a/2026-11-22T03:14:15Z.gone`,
      `a/2026-11-22T03:14:15+01:00.gone`,
      `a/2026-11-22.gone`,
      `a/+02026-11-22T03:14:15+00:00.gone`,
      // No SHA-1.
      `a/${TIMESTAMP}.${SHA1.toUpperCase()}.wsp.gz`,
      `a/${TIMESTAMP}.${SHA1.slice(1)}.wsp.gz`,
      `a/${TIMESTAMP}.${SHA1}0.wsp.gz`,
      // The Python tool never wrote zst, nor we sz.
      `a/${TIMESTAMP}.wsp.zst`,
      `a/${TIMESTAMP}.${SHA1}.wsp.sz`,
      `a/${TIMESTAMP}.${SHA1}.wsp`,
      `a/${TIMESTAMP}.${SHA1}.replaced`,
      `a/${TIMESTAMP}.wsp.gz.replaced`,
      `a/${TIMESTAMP}.wsp`,
      `a/${TIMESTAMP}.sha1.gz`,
      // No path encodes to these.
      `a%25b/${TIMESTAMP}.gone`,
      `%252/${TIMESTAMP}.gone`,
      // Invalid names.
      `a..b/${TIMESTAMP}.gone`,
      `.a/${TIMESTAMP}.gone`,
      `a./${TIMESTAMP}.gone`,
      `./${TIMESTAMP}.gone`,
      `../${TIMESTAMP}.gone`,
      `../${TIMESTAMP}.wsp.gz`,
      `..etc.passwd/${TIMESTAMP}.wsp.gz`,
      `%2E.x/${TIMESTAMP}.gone`,
      `%2E%2E.%2E%2E.etc.passwd/${TIMESTAMP}.gone`,
      `a\0b/${TIMESTAMP}.gone`,
      `a\0b/${TIMESTAMP}.wsp.gz`,
    ];
    for (const key of foreign) assert.deepEqual(parseKey(key), { kind: 'foreign' }, JSON.stringify(key));
  });

  it('never returns a path outside the prefix, for any key', () => {
    const hostile = fc.oneof(
      fc.array(fc.oneof(piece, fc.constantFrom('/', '\0', '../', '/..', '%2E%2E', 'etc', '\n')), { maxLength: 8 }),
      fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
    );
    const end = fc.constantFrom(`/${TIMESTAMP}.gone`, `/${TIMESTAMP}.wsp.gz`, `/${TIMESTAMP}.${SHA1}.wsp.gz`, '', '/x');
    fc.assert(
      fc.property(hostile, end, (pieces, end) => {
        const key = parseKey(pieces.join('') + end);
        if (!('path' in key)) return;
        assert.doesNotMatch(key.path, /\0/);
        const file = `/prefix/${key.path}.wsp`;
        assert.equal(resolve(file), file);
      }),
      { numRuns: 5000 },
    );
  });

  it('parses a key of 10,000 bytes like any other', () => {
    const long = 'x'.repeat(10_000);
    const key = parseKey(`${long}/${TIMESTAMP}.gone`);
    assert.ok(key.kind === 'tombstone' && key.path === long);
    assert.equal(parseKey(`${'../'.repeat(3000)}${TIMESTAMP}.gone`).kind, 'foreign');
    assert.equal(parseKey('.'.repeat(10_000)).kind, 'foreign');
  });

  it('treats a backslash as an ordinary character', () => {
    const key = parseKey(`..\\..\\x/${TIMESTAMP}.gone`);
    assert.equal(key.kind, 'foreign');
    const fine = parseKey(`a\\b/${TIMESTAMP}.gone`);
    assert.ok(fine.kind === 'tombstone' && fine.path === 'a\\b');
  });
});

describe('pythonPathOf and pythonNameOf', () => {
  it('are inverse for a path without dots, and isAmbiguous detects others', () => {
    assert.equal(pythonNameOf('a.b/c'), 'a.b.c');
    assert.equal(pythonPathOf('a.b.c'), 'a/b/c');
    assert.ok(isAmbiguous('a.b/c'));
    fc.assert(
      fc.property(path, (path) => assert.equal(pythonPathOf(pythonNameOf(path)) === path, !isAmbiguous(path))),
      { numRuns: 1000 },
    );
  });
});

describe('rootOf', () => {
  it('adds exactly one slash after a storage path, and none before it', () => {
    for (const storagePath of ['sp', 'sp/', '/sp', '/sp/', '//sp//']) assert.equal(rootOf({ storagePath }), 'sp/');
    assert.equal(rootOf({ storagePath: 'a/b' }), 'a/b/');
    for (const storagePath of ['', '/', '//']) assert.equal(rootOf({ storagePath }), '');
    for (const storagePathRaw of ['sp', '/sp', 'a/b', '..x']) assert.equal(rootOf({ storagePathRaw }), storagePathRaw);
  });

  it('has no part that is empty, `.` or `..`', () => {
    for (const path of ['a//b', '.', '..', 'a/./b', 'a/../b', '../b'])
      assert.throws(() => rootOf({ storagePath: path }), { code: 'INVALID_OPTION' }, path);
    for (const raw of ['a//b', './b', '../b', 'a/../b', '//b'])
      assert.throws(() => rootOf({ storagePathRaw: raw }), { code: 'INVALID_OPTION' }, raw);
    assert.equal(rootOf({}), '');
  });

  it('returns a raw storage path unchanged', () => {
    assert.equal(rootOf({ storagePathRaw: 'sp' }), 'sp');
    assert.equal(rootOf({ storagePathRaw: 'sp', storagePath: 'other' }), 'sp');
    assert.equal(rootOf({ storagePathRaw: '', storagePath: 'sp' }), 'sp/');
  });

  it('is the prefix of every key', () => {
    assert.equal(backupKey('sp/', 'a/b', TIMESTAMP, SHA1, 'gz'), `sp/a.b/${TIMESTAMP}.${SHA1}.wsp.gz`);
    assert.equal(tombstoneKey('sp/', 'a/b', TIMESTAMP), `sp/a.b/${TIMESTAMP}.gone`);
    assert.deepEqual(pairKeys('sp', 'a/b', TIMESTAMP), {
      data: `spa.b/${TIMESTAMP}.wsp.gz`,
      sha1: `spa.b/${TIMESTAMP}.sha1`,
    });
    const aside = quarantineKey('sp/', tombstoneKey('sp/', 'a', TIMESTAMP));
    assert.equal(aside, `sp/.whisper-backup/quarantine/a/${TIMESTAMP}.gone.damaged`);
    assert.deepEqual(parseKey(aside.slice('sp/'.length)), { kind: 'own' });
    assert.equal(ownKey('sp/', 'owner.json'), 'sp/.whisper-backup/owner.json');
  });
});
