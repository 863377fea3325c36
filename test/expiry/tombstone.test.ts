import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Backup, StoredMetric, Tombstone } from '../../lib/bucket/metric.ts';
import { ageOf, DAY } from '../../lib/expiry/age.ts';
import { evaluateTombstones } from '../../lib/expiry/tombstone.ts';
import { daysAgo, NOW } from '../fixtures/bucket.ts';

interface History {
  /** How many days old each backup is, oldest first. */
  readonly backups: readonly number[];
  /** The same of each tombstone, and when the store says that it was written, if that differs. */
  readonly tombstones: readonly (number | readonly [name: number, store: number])[];
}

function metric({ backups, tombstones }: History): StoredMetric {
  const about = { metric: 'm', path: 'm', order: 'm/', replaced: [], leftovers: [], loneSha1s: [] };
  return {
    ...about,
    backups: backups.map((days): Backup => {
      const time = daysAgo(days);
      return { kind: 'single', time, algorithm: 'gz', sha1: '', object: { key: 'b', size: 1, modified: time } };
    }),
    tombstones: tombstones.map((days): Tombstone => {
      const [name, store] = typeof days === 'number' ? [days, days] : days;
      return { time: daysAgo(name), object: { key: `t${name}`, size: 0, modified: daysAgo(store) } };
    }),
  };
}

/** What becomes of a metric, in short. */
function fate(history: History, presence: Parameters<typeof evaluateTombstones>[1], purge: number): string {
  const { isNew, isDue, since, invalid } = evaluateTombstones(metric(history), presence, purge, NOW);
  const holds = since ? `since ${Math.round((NOW.getTime() - since.time.getTime()) / DAY)}` : '';
  return [isNew && 'new', isDue && 'due', holds, invalid.length > 0 && `${invalid.length} void`]
    .filter(Boolean)
    .join(' ');
}

describe('evaluateTombstones', () => {
  it('marks a metric first, however old its backups are: age counts from the tombstone, not from the last backup', () => {
    assert.equal(fate({ backups: [400, 300], tombstones: [] }, 'missing', 45), 'new');
  });

  it('reports the backups as due once the tombstone is older than purge days', () => {
    assert.equal(fate({ backups: [400], tombstones: [44] }, 'missing', 45), 'since 44');
    assert.equal(fate({ backups: [400], tombstones: [45] }, 'missing', 45), 'since 45');
    assert.equal(fate({ backups: [400], tombstones: [45.01] }, 'missing', 45), 'due since 45');
  });

  it('reports them as due at once with 0, and never with -1', () => {
    assert.equal(fate({ backups: [1], tombstones: [] }, 'missing', 0), 'due');
    assert.equal(fate({ backups: [5000], tombstones: [4000] }, 'missing', -1), 'since 4000');
    assert.equal(fate({ backups: [5000], tombstones: [] }, 'missing', -1), 'new');
  });

  it('invalidates every tombstone of an existing metric', () => {
    assert.equal(fate({ backups: [50], tombstones: [49, 3] }, 'present', 45), '2 void');
    assert.equal(fate({ backups: [50], tombstones: [49, 3] }, 'present', 0), '2 void');
  });

  it('invalidates a tombstone if a backup is newer, and counts again from then', () => {
    assert.equal(fate({ backups: [100, 2], tombstones: [90] }, 'missing', 45), 'new 1 void');
    assert.equal(fate({ backups: [100, 20], tombstones: [90, 10] }, 'missing', 45), 'since 10 1 void');
    assert.equal(fate({ backups: [90], tombstones: [90] }, 'missing', 45), 'new 1 void');
  });

  it('uses the oldest valid tombstone that is followed by others without a gap of more than 15 days', () => {
    assert.equal(fate({ backups: [100], tombstones: [50, 43, 29, 14] }, 'missing', 45), 'due since 50');
    assert.equal(fate({ backups: [100], tombstones: [99, 90, 50, 36] }, 'missing', 45), 'due since 50');
    assert.equal(fate({ backups: [100], tombstones: [50, 34] }, 'missing', 45), 'since 34');
  });

  it('changes nothing while the presence of the file is unknown', () => {
    assert.equal(fate({ backups: [400], tombstones: [] }, 'unknown', 0), '');
    assert.equal(fate({ backups: [400], tombstones: [300] }, 'unknown', 45), 'since 300');
    assert.equal(fate({ backups: [400, 200], tombstones: [300] }, 'unknown', 45), '1 void');
  });

  it('uses the later of the times of key and store: a wrong clock cannot make it older', () => {
    assert.equal(fate({ backups: [400], tombstones: [[90, 2]] }, 'missing', 45), 'since 90');
    assert.equal(fate({ backups: [400], tombstones: [[2, 90]] }, 'missing', 45), 'since 2');
    assert.equal(fate({ backups: [400], tombstones: [[90, 90]] }, 'missing', 45), 'due since 90');
  });

  it('resumes an interrupted purge: tombstones without backups are deleted when they are due', () => {
    assert.equal(fate({ backups: [], tombstones: [50] }, 'missing', 45), 'due since 50');
    assert.equal(fate({ backups: [], tombstones: [3] }, 'missing', 45), 'since 3');
    assert.equal(fate({ backups: [], tombstones: [] }, 'missing', 45), '');
  });

  const days = fc.integer({ min: 0, max: 100 });
  const history = fc.record({
    backups: fc.array(days, { maxLength: 4 }).map((days) => days.sort((a, b) => b - a)),
    tombstones: fc.array(days, { maxLength: 3 }).map((days) => days.sort((a, b) => b - a)),
  });

  it('never purges a metric that exists or may exist, or one missing for less than purge days', () => {
    const presence = fc.constantFrom('present', 'missing', 'unknown');
    fc.assert(
      fc.property(history, presence, fc.integer({ min: -1, max: 60 }), (history, presence, purge) => {
        const { isDue, isNew, since, invalid } = evaluateTombstones(metric(history), presence, purge, NOW);
        assert.ok(!(isDue && isNew));
        if (isDue || isNew) assert.equal(presence, 'missing');
        if (isDue && purge !== 0) {
          assert.ok(since && purge > 0);
          assert.ok(ageOf(since, NOW) > purge * DAY);
          assert.ok(history.backups.every((backup) => daysAgo(backup) < since.time));
        }
        if (since) assert.ok(!invalid.includes(since));
      }),
      { numRuns: 2000 },
    );
  });

  it('purges a metric that stays missing, but not before its time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 500 }), (purge, idle) => {
        const tombstones: number[] = [];
        for (let night = 0; ; night++) {
          const aged = { backups: [idle + night], tombstones: tombstones.map((written) => night - written) };
          const { isNew, isDue } = evaluateTombstones(metric(aged), 'missing', purge, NOW);
          if (isNew) tombstones.push(night);
          if (!isDue) continue;
          assert.equal(night, purge + 1);
          return;
        }
      }),
    );
  });
});
