import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe } from 'node:test';
import fc from 'fast-check';
import { backupKey, pairKeys, parseKey, replacedKey, tombstoneKey } from '../../lib/bucket/layout.ts';
import { isAmbiguous, metricOf, pathOf, pythonPathOf } from '../../lib/bucket/metric-name.ts';
import { parseDate } from '../../lib/common/date.ts';
import { selector } from '../../lib/common/glob.ts';
import { formatTimestamp, parseTimestamp } from '../../lib/common/timestamp.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { fuzz, inputsTried, typed } from './fuzz.ts';
import { mutatedText } from './mutation.ts';

const it = casesOf('fuzz', inputsTried);

const SHA1 = '3b71f43ff30f4b15b5cd85dd9e95ebc7e84eb5a3';
const TIMES = ['2026-11-22T03:14:15+00:00', '0000-01-01T00:00:00+00:00', '9998-12-31T23:59:59+00:00'];
const words = [
  '.',
  '..',
  '/',
  '%',
  '%2E',
  '%25',
  '%252E',
  '%2e',
  '\0',
  '\\',
  '\n',
  '~',
  '\u2028',
  '😀',
  '\ud800',
  '\ufffd',
];

const unit = fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary', maxLength: 3 }));
const name = fc
  .array(unit, { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join('').replace(/[/\0]/g, ''))
  .filter((name) => name !== '' && name !== '.' && name !== '..');
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
const time = fc.date({ min: new Date('0000-01-01'), max: new Date('9998-12-31T23:59:59Z'), noInvalidDate: true });

describe('names in buckets', () => {
  it('are inverse for every path', () =>
    fuzz(fc.tuple(path, time), 5000, ([path, time]) => {
      const stamp = formatTimestamp(time);
      const whole = new Date(Math.floor(time.getTime() / 1000) * 1000);
      assert.deepEqual(parseTimestamp(stamp), whole);
      assert.equal(pathOf(metricOf(path)), path);
      for (const algorithm of ['gz', 'zst'] as const) {
        const key = parseKey(backupKey('', path, stamp, SHA1, algorithm));
        assert.deepEqual(key, { kind: 'backup', path, time: whole, sha1: SHA1, algorithm });
      }
      assert.deepEqual(parseKey(tombstoneKey('', path, stamp)), { kind: 'tombstone', path, time: whole });
      if (isAmbiguous(path)) return;
      const { data, sha1 } = pairKeys('', path, stamp);
      assert.deepEqual(parseKey(data), { kind: 'pair-data', path, time: whole, algorithm: 'gz' });
      assert.deepEqual(parseKey(sha1), { kind: 'pair-sha1', path, time: whole });
    }));

  const sound = TIMES.flatMap((stamp) => [
    backupKey('', 'servers/web01/cpu', stamp, SHA1, 'gz'),
    backupKey('', 'a.b/%2E', stamp, SHA1, 'zst'),
    replacedKey(backupKey('', 'a', stamp, SHA1, 'gz')),
    tombstoneKey('', 'a', stamp),
    ...Object.values(pairKeys('', 'servers/web01/cpu', stamp)),
  ]);
  const keys = mutatedText(sound, [
    ...words,
    ...TIMES,
    SHA1,
    '.gone',
    '.wsp.gz',
    '.replaced',
    '.sha1',
    '.whisper-backup/',
  ]);

  it('are parsed, and never as a path outside the prefix or with another name', () =>
    fuzz(keys, 8000, (text) => {
      const key = parseKey(text);
      if (!('path' in key)) return;
      const { kind, path, time } = key;
      assert.ok(resolve('/prefix', `${path}.wsp`).startsWith('/prefix/'));
      assert.equal(resolve('/prefix', `${path}.wsp`), `/prefix/${path}.wsp`);
      assert.doesNotMatch(path, /\0/);
      const stamp = formatTimestamp(time);
      if (kind === 'backup') assert.equal(backupKey('', path, stamp, key.sha1, key.algorithm), text);
      else if (kind === 'replaced')
        assert.equal(replacedKey(backupKey('', path, stamp, key.sha1, key.algorithm)), text);
      else if (kind === 'tombstone') assert.equal(tombstoneKey('', path, stamp), text);
      else assert.equal(pythonPathOf(text.slice(0, text.indexOf('/'))), path);
    }));
});

describe('times and globs', () => {
  it('of a key are parsed as they were written, or rejected', () =>
    fuzz(mutatedText(TIMES, ['+00:00', 'Z', '-', ':', '24', '60', '02-30', '²', '٣']), 5000, (text) => {
      const time = parseTimestamp(text);
      if (time) assert.equal(formatTimestamp(time), text);
    }));

  const dates = [...TIMES, '2026-11-22', '20261122T031415Z', '2026-W47-7', '2026-326', '2026-11-22 03:14+02:00'];
  it('on the command line are valid, or rejected with a typed error', () =>
    fuzz(mutatedText(dates, ['T', 'W', '+99:99', '-', '.', ',5', 'e9', '24:00', '٣']), 2000, (text) => {
      const date = typed(() => parseDate(text));
      if (date) assert.ok(!Number.isNaN(date.getTime()), text);
    }));

  it('of any form compile, and match themselves if they have no special characters', () =>
    fuzz(
      mutatedText(['servers.*', '[!a-z]?', 'a[b-'], ['[', ']', '!', '-', '^', '\\', '(', '{', '😀']),
      3000,
      (glob) => {
        const isSelected = selector({ metrics: glob });
        isSelected('servers.web01.cpu');
        if (!/[*?[]/.test(glob) && !/\p{Surrogate}/u.test(glob)) assert.ok(isSelected(glob), glob);
      },
    ));
});
