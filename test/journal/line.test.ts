import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { lineNameOf, metricOfLineName, parseValue, valueText } from '../../lib/journal/line.ts';
import { seeded } from '../fixtures/seed.ts';

/** Names with many characters that are escaped, and with text that looks like an escape. */
const name = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 3 }),
      fc.constantFrom(
        ...'%|%2|%20|%25|%2520|20|25|C2%85|%C2|\u0085|\u00a0|\u2028|\u3000| |\n|\t|\u001f|%E3%80%80'.split('|'),
      ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

describe('a line of the journal', () => {
  it('has the name of its metric unchanged if it has no white space', () => {
    for (const plain of ['servers.web01.cpu', 'a%2Eb.c', '100%', 'ä.日本', 'a;tag=1'])
      assert.equal(lineNameOf(plain), plain);
    assert.equal(lineNameOf('disk C:.free space'), 'disk%20C:.free%20space');
  });

  it('leads back from the name to its metric, whatever it contains', () => {
    fc.assert(
      fc.property(name, (metric) => {
        assert.equal(metricOfLineName(lineNameOf(metric)), metric);
      }),
      seeded(5000),
    );
  });

  it('has a name that Python does not split', () => {
    const names: string[] = [];
    for (let code = 1; code < 0x1_0000; code++)
      if (code < 0xd800 || code > 0xdfff) names.push(lineNameOf(`a${String.fromCodePoint(code)}b`));
    const script =
      'import sys; print(sum(n.split() != [n] or len(n.splitlines()) != 1 for n in sys.stdin.buffer.read().decode().split("\\0")))';
    const { stdout } = spawnSync('/usr/bin/python3', ['-c', script], { input: names.join('\0') });
    assert.equal(stdout.toString(), '0\n');
  });

  it('has a value that reads back to the same double', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.integer()), (value) => {
        assert.ok(Object.is(parseValue(valueText(value)), value));
      }),
      seeded(2000),
    );
    assert.deepEqual([Number.NaN, -0, -Number.POSITIVE_INFINITY, 5e-324].map(valueText), [
      'nan',
      '-0',
      '-inf',
      '5e-324',
    ]);
    for (const text of ['', ' 1', '0x10', '1e', 'Infinity', '1_0']) assert.equal(parseValue(text), undefined, text);
  });
});
