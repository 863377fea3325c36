import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lags } from '../../../lib/operations/drill/report.ts';

describe('lags', () => {
  const of = (...seconds: readonly number[]) => {
    const lags = new Lags();
    for (const [i, one] of seconds.entries()) lags.add(`m${i}`, one);
    return lags.summary();
  };

  it('are null for no metric', () => assert.equal(of(), null));

  it('have a maximum, its first metric, and a median', () => {
    assert.deepEqual(of(60), { maxSeconds: 60, medianSeconds: 60, metrics: 1, worst: 'm0' });
    assert.deepEqual(of(60, 0, 120, 120, 60), { maxSeconds: 120, medianSeconds: 60, metrics: 5, worst: 'm2' });
    assert.equal(of(1, 2, 3, 4)?.medianSeconds, 3);
    assert.equal(of(0, 0, 0, 9)?.medianSeconds, 0);
  });
});
