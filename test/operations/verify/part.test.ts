import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { InvalidOptionError } from '../../../lib/common/errors.ts';
import { isInPart, parsePart } from '../../../lib/operations/shared/part.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

describe('the parts of a bucket', () => {
  it(`contain every metric once, whatever its name and however many parts (seed ${SEED})`, () => {
    const metrics = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(metrics, fc.integer({ min: 1, max: 60 }), (metric, of) => {
        const parts = Array.from({ length: of }, (_, i) => parsePart(`${i + 1}/${of}`));
        assert.equal(parts.filter((part) => isInPart(metric, part)).length, 1);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('never change: a metric is read on the same night by every version', () => {
    // sha1sum of the name, the first 12 hex digits as a number, modulo 7, plus 1.
    const partOf = (metric: string) => [1, 2, 3, 4, 5, 6, 7].filter((number) => isInPart(metric, { number, of: 7 }));
    assert.deepEqual(['servers.web01.cpu', 'carbon.agents.a', 'caf\u00e9'].map(partOf), [[1], [3], [3]]);
  });

  it('are selected by the day, one after another', () => {
    const onDay = (day: string) => parsePart('today/28', '', new Date(`${day}T23:59:59Z`));
    assert.deepEqual(onDay('1970-01-01'), { number: 1, of: 28 });
    assert.deepEqual(onDay('1970-01-28'), { number: 28, of: 28 });
    assert.deepEqual(onDay('1970-01-29'), { number: 1, of: 28 });
    const month = Array.from({ length: 28 }, (_, i) => onDay(`2027-02-${String(i + 1).padStart(2, '0')}`).number);
    assert.equal(new Set(month).size, 28);
  });

  it('have about the same size', () => {
    const sizes = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 7000; i++) {
      const number = [1, 2, 3, 4, 5, 6, 7].find((number) =>
        isInPart(`servers.web${i % 90}.cpu${i}`, { number, of: 7 }),
      );
      sizes[(number ?? 0) - 1] = (sizes[(number ?? 0) - 1] ?? 0) + 1;
    }
    for (const size of sizes) assert.ok(size > 850 && size < 1150, `${sizes}`);
  });

  for (const text of [
    '',
    '0/7',
    '8/7',
    '1/0',
    '1',
    '/7',
    '1/',
    '-1/7',
    '1.5/7',
    '1/7/7',
    ' 1/7',
    'a/b',
    'today',
    'today/0',
    'tomorrow/7',
    '1/99999999',
  ]) {
    it(`are rejected with the value: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parsePart(text),
        (error) => error instanceof InvalidOptionError && error.message.endsWith(`got ${JSON.stringify(text)}`),
      );
    });
  }
});
