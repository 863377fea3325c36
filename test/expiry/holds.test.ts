import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Holds } from '../../lib/expiry/holds.ts';
import { NOW } from '../fixtures/bucket.ts';

const DAY = 86_400_000;

function inDays(days: number): Date {
  return new Date(NOW.getTime() + days * DAY);
}

describe('a hold and the journal', () => {
  it('needs all earlier runs, since its backups may be older than the journal is kept, and those of a day after its date', () => {
    const holds = new Holds([{ name: 'incident', created: NOW, date: inDays(-1), metrics: '*' }], NOW);
    const needed = [-400, -10, -9, -1, -0.1].map((days) => holds.needRun(inDays(days)));
    assert.deepEqual(needed, [true, true, true, true, true]);
    assert.deepEqual([holds.needRun(inDays(0.1)), holds.needRun(inDays(20))], [false, false]);
  });

  it('needs no runs for ever because its date is in the future, and none after its end', () => {
    const holds = new Holds([{ name: 'later', created: NOW, date: inDays(100), metrics: '*' }], NOW);
    assert.deepEqual([holds.needRun(inDays(-1)), holds.needRun(inDays(50))], [true, false]);
    const ended = new Holds([{ name: 'x', created: NOW, date: NOW, metrics: '*', until: inDays(1) }], inDays(2));
    assert.equal(ended.needRun(inDays(-1)), false);
  });
});
