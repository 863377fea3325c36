import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseValue, valueText } from '../../lib/journal/line.ts';
import { parseLines } from '../../lib/journal/points.ts';
import { seeded } from '../fixtures/seed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

const value = fc.oneof(
  fc.double(),
  fc.integer().map((number) => number / 100),
  fc.maxSafeInteger().map((number) => number / 1000),
  fc.constantFrom(0, -0, 1e21, 1e-7, 0.1 + 0.2, 999_999_999_999_999, 2 ** 53),
);

describe('the lines of a metric', () => {
  it('are read as the points that were written', () => {
    const point = fc.record({ timestamp: fc.integer({ min: 1, max: 2 ** 32 - 1 }), value }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(point), (points) => {
        const lines = points.map(({ timestamp, value }) => `a.b ${valueText(value)} ${timestamp}\n`);
        assert.deepEqual(parseLines(bytes(lines.join(''))), { points, malformed: 0 });
      }),
      seeded(300),
    );
  });

  it('have values as any text of digits says', () => {
    const digits = fc.stringMatching(/^-?[0-9]{1,18}(\.[0-9]{1,18})?(e-?[0-9]{1,2})?$/);
    fc.assert(
      fc.property(digits, (text) => {
        const [point] = parseLines(bytes(`a ${text} 60\n`)).points;
        assert.ok(Object.is(point?.value, parseValue(text)), text);
      }),
      seeded(1000),
    );
  });

  it('are counted if they are not points', () => {
    const odd = ['', ' ', 'a', 'a 1', 'a 1 ', 'a  60', 'a 1 60 ', 'a 1 -60', 'a 1 6e1', 'a 1 0', 'a 1 4294967296'];
    const values = ['', '-', '.', '.5', '5.', '-.5', '1.2.3', '+1', '0x1', '1_0', 'Inf', '1e', '--1', '1-'];
    const lines = [...odd, ...values.map((text) => `a ${text} 60`)];
    const parsed = parseLines(bytes(`a 1 60\n${lines.join('\n')}\na 2 120`));
    assert.deepEqual(parsed.malformed, lines.length);
    assert.deepEqual(parsed.points.length, 2);
  });
});
