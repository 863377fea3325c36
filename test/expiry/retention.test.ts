import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Backup } from '../../lib/bucket/metric.ts';
import { DAY } from '../../lib/expiry/age.ts';
import { retain } from '../../lib/expiry/retention.ts';
import { daysAgo, NOW } from '../fixtures/bucket.ts';

const rules = { retention: 5, keepWithin: 0, purge: 45, periods: [] };

/** Backups, oldest first: so many days old, so large. */
function backups(...aged: readonly (readonly [days: number, size: number])[]): Backup[] {
  return aged.map(([days, size]) => {
    const time = daysAgo(days);
    return { kind: 'single', time, algorithm: 'gz', sha1: '', object: { key: `${days}`, size, modified: time } };
  });
}

/** How many days old each is. */
function ages(backups: readonly Backup[]): number[] {
  return backups.map(({ time }) => (NOW.getTime() - time.getTime()) / DAY);
}

const history = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 1000 })), { maxLength: 12 })
  .map((aged) => backups(...aged.sort(([a], [b]) => b - a)));
const anyRules = fc.record({
  retention: fc.integer({ min: 1, max: 8 }),
  keepWithin: fc.integer({ min: 0, max: 60 }),
  purge: fc.integer({ min: -1, max: 60 }),
  periods: fc.constant([]),
});

describe('retain', () => {
  it('expires all but the newest, oldest first', () => {
    const all = backups([9, 1], [8, 1], [7, 1], [6, 1], [5, 1], [4, 1], [3, 1]);
    assert.deepEqual(ages(retain(all, rules, NOW).expired), [9, 8]);
    assert.deepEqual(ages(retain(all, { ...rules, retention: 1 }, NOW).expired), [9, 8, 7, 6, 5, 4]);
    assert.deepEqual(retain(all, { ...rules, retention: 7 }, NOW).expired, []);
    assert.deepEqual(retain([], rules, NOW), { kept: new Map(), expired: [] });
  });

  it('also keeps backups younger than keepWithin days', () => {
    const all = backups([40, 1], [30, 1], [20, 1], [10, 1], [0, 1]);
    assert.deepEqual(ages(retain(all, { ...rules, retention: 1, keepWithin: 25 }, NOW).expired), [40, 30]);
    assert.deepEqual(ages(retain(all, { ...rules, retention: 4, keepWithin: 5 }, NOW).expired), [40]);
  });

  it('only counts if keepWithin is off, even for backups of this second or the next', () => {
    const all = backups([1, 1], [0, 1], [-1 / 86_400, 1]);
    assert.deepEqual(ages(retain(all, { ...rules, retention: 1 }, NOW).expired), [1, 0]);
  });

  it('keeps the largest while the newest is less than half as large: carbon recreated a lost file', () => {
    const all = backups([9, 100], [8, 999], [7, 1000], [6, 400], [5, 450], [4, 499]);
    const { expired, shrunkFrom } = retain(all, { ...rules, retention: 1 }, NOW);
    // Its successor stays too, because it shows when the file was lost.
    assert.deepEqual(ages(expired), [9, 8, 5]);
    assert.equal(shrunkFrom, all[2]);
    // What plain counting would have left: one backup, almost empty.
    assert.equal(all.length - expired.length, 3);
  });

  it('does not count half as large as shrunk', () => {
    const { expired, shrunkFrom } = retain(backups([2, 1000], [1, 500]), { ...rules, retention: 1 }, NOW);
    assert.deepEqual(ages(expired), [2]);
    assert.equal(shrunkFrom, undefined);
  });

  it('keeps the newest of several that are equally large', () => {
    const all = backups([4, 1000], [3, 1000], [2, 10], [1, 10]);
    assert.deepEqual(ages(retain(all, { ...rules, retention: 1 }, NOW).expired), [4]);
  });

  it('expires the largest if its successor is older than purge days', () => {
    const shrunk = (days: number, purge: number) => {
      const all = backups([400, 1000], [days, 10]);
      const { expired, shrunkFrom } = retain(all, { ...rules, retention: 1, purge }, NOW);
      return { expired: expired.length, shrunk: shrunkFrom !== undefined };
    };
    assert.deepEqual(shrunk(44, 45), { expired: 0, shrunk: true });
    assert.deepEqual(shrunk(45, 45), { expired: 0, shrunk: true });
    assert.deepEqual(shrunk(46, 45), { expired: 1, shrunk: false });
    assert.deepEqual(shrunk(2, 0), { expired: 1, shrunk: false });
    assert.deepEqual(shrunk(399, -1), { expired: 0, shrunk: true });
  });

  it('keeps the newest full-size backup of a metric, even if an older one was slightly larger', () => {
    const all = backups([300, 1001], [200, 1000], [3, 10], [2, 11], [1, 12]);
    const { expired, shrunkFrom } = retain(all, { ...rules, retention: 1 }, NOW);
    assert.equal(shrunkFrom, all[1]);
    assert.deepEqual(ages(expired), [300, 2]);
  });

  it('expires the largest eventually, whatever retention has expired meanwhile', () => {
    for (const retention of [1, 2, 7]) {
      let left = backups([0, 1000]);
      let nights = 0;
      for (let night = 1; left[0]?.object.size === 1000 && night < 500; night++) {
        const time = new Date(NOW.getTime() + (200 + night) * DAY);
        const [added] = backups([0, 10]);
        assert.ok(added);
        left.push({ ...added, time, object: { ...added.object, modified: time } });
        const { expired } = retain(left, { ...rules, retention }, time);
        left = left.filter((one) => !expired.includes(one));
        nights = night;
      }
      assert.equal(nights, 1 + 46, `retention ${retention}`);
    }
  });

  it("uses the store's time if the key of the successor is older: a wrong clock makes no backup older", () => {
    const [largest, successor] = backups([400, 1000], [100, 10]);
    assert.ok(largest && successor);
    const all = [largest, { ...successor, object: { ...successor.object, modified: daysAgo(2) } }];
    assert.deepEqual(retain(all, { ...rules, retention: 1 }, NOW).expired, []);
  });

  it('counts adjacent backups with the same content as one, and keeps the first and last of them', () => {
    const left = (contents: string, retention: number) => {
      const all = backups(...[...contents].map((_, i) => [contents.length - i, 1] as const));
      const named = all.map((one, i) => ({ ...one, sha1: contents[i] ?? '' }));
      const { expired } = retain(named, { ...rules, retention }, NOW);
      return named.map((one) => (expired.includes(one) ? '.' : one.sha1)).join('');
    };
    assert.equal(left('abcc', 3), 'abcc');
    assert.equal(left('abcc', 2), '.bcc');
    assert.equal(left('aabbcc', 2), '..bbcc');
    assert.equal(left('abbbbb', 2), 'ab..bb');
    assert.equal(left('abbbbb', 1), '.b...b');
    // The same content again, but not next to it, is another state.
    assert.equal(left('abab', 3), '.bab');
  });

  it('compares pairs by the MD5 of their checksum object, if the listing has one', () => {
    const sha1 = 'a'.repeat(40);
    const md5 = createHash('md5').update(sha1).digest('hex');
    const [oldest, pair, single] = backups([3, 1], [2, 1], [1, 1]);
    assert.ok(oldest && pair && single);
    const { sha1: _, ...unnamed } = pair;
    const paired = (md5?: string): Backup => ({
      ...unnamed,
      kind: 'pair',
      sha1Object: { key: 'p.sha1', size: 40, modified: pair.time, ...(md5 !== undefined && { md5 }) },
    });
    const expired = (second: Backup) =>
      ages(retain([oldest, second, { ...single, sha1 }], { ...rules, retention: 2 }, NOW).expired);
    assert.deepEqual(expired(paired(md5)), []);
    assert.deepEqual(expired(paired('0'.repeat(32))), [3]);
    assert.deepEqual(expired(paired()), [3]);
  });

  it('never expires the newest, the count or backups within keepWithin', () => {
    fc.assert(
      fc.property(history, anyRules, (all, rules) => {
        const { expired, shrunkFrom } = retain(all, rules, NOW);
        const kept = all.filter((backup) => !expired.includes(backup));
        assert.ok(kept.length >= Math.min(all.length, rules.retention));
        assert.deepEqual(kept.slice(-rules.retention), all.slice(-rules.retention));
        const cutoff = daysAgo(rules.keepWithin);
        if (rules.keepWithin > 0) assert.ok(expired.every(({ time }) => time < cutoff));
        if (shrunkFrom) assert.ok(kept.includes(shrunkFrom));
        // Nothing else is kept.
        const extra = kept.slice(0, Math.max(0, kept.length - rules.retention));
        const since = shrunkFrom && all[all.indexOf(shrunkFrom) + 1];
        const isTold = (one: Backup) => one === shrunkFrom || one === since;
        assert.ok(extra.every((one) => isTold(one) || (rules.keepWithin > 0 && one.time >= cutoff)));
      }),
      { numRuns: 1000 },
    );
  });

  it('expires nothing more after its result was applied', () => {
    fc.assert(
      fc.property(history, anyRules, (all, rules) => {
        const { expired } = retain(all, rules, NOW);
        const kept = all.filter((backup) => !expired.includes(backup));
        assert.deepEqual(retain(kept, rules, NOW).expired, []);
      }),
      { numRuns: 1000 },
    );
  });
});
