import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { lineNameOf, valueText } from '../../lib/journal/line.ts';
import { LineWriter } from '../../lib/journal/line-writer.ts';
import { seeded } from '../fixtures/seed.ts';

const points = fc.array(fc.record({ timestamp: fc.nat(2 ** 32 - 1), value: fc.oneof(fc.double(), fc.integer()) }), {
  maxLength: 20,
});
const metrics = fc.array(fc.record({ metric: fc.string({ unit: 'grapheme', minLength: 1 }), points }));

describe('a writer of lines', () => {
  it('writes a line for each point, and begins anew with what follows', () => {
    const writer = new LineWriter();
    fc.assert(
      fc.property(metrics, (added) => {
        const text = added
          .flatMap(({ metric, points }) =>
            points.map(({ timestamp, value }) => `${lineNameOf(metric)} ${valueText(value)} ${timestamp}\n`),
          )
          .join('');
        for (const { metric, points } of added) writer.add(metric, points);
        const { length } = writer;
        const lines = writer.take();
        assert.equal(Buffer.from(lines).toString(), text);
        assert.deepEqual([length, writer.length], [lines.length, 0]);
      }),
      seeded(300),
    );
  });

  it('returns lines with their own memory', () => {
    const writer = new LineWriter();
    writer.add('a', [{ timestamp: 60, value: 1 }]);
    const lines = writer.take();
    writer.add('b', [{ timestamp: 60, value: 2 }]);
    assert.equal(lines.buffer.byteLength, 'a 1 60\n'.length);
    assert.equal(Buffer.from(lines).toString(), 'a 1 60\n');
  });
});
