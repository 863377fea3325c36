import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PART_BYTES } from '../../lib/journal/index-file.ts';
import { PartWriter } from '../../lib/journal/part-writer.ts';

/** A writer whose parts are kept here. */
function kept(): { readonly writer: PartWriter; readonly parts: Map<number, Uint8Array> } {
  const parts = new Map<number, Uint8Array>();
  const writer = new PartWriter(async (number, lines) => {
    parts.set(number, lines);
    return { name: String(number), sha1: '', size: 1, bytes: lines.length };
  });
  return { writer, parts };
}

const linesOf = (metric: string, count: number) => Buffer.from(`${metric} 1 ${'1'.repeat(90)}\n`.repeat(count));

describe('the parts of a journal run', () => {
  it('end where a metric ends, and are named by their first and last', async () => {
    const { writer, parts } = kept();
    for (let i = 100; i < 200; i++) await writer.add(`m${i}`, linesOf(`m${i}`, 1000), 1000);
    const index = await writer.finish();
    assert.deepEqual([index.length, index[0]?.first, index.at(-1)?.last], [2, 'm100', 'm199']);
    assert.equal(
      index.reduce((sum, { lines }) => sum + lines, 0),
      100_000,
    );
    for (const [i, { first, last }] of index.entries()) {
      const text = Buffer.from(parts.get(i + 1) ?? []).toString();
      assert.ok(
        text.startsWith(`${first} `) && text.slice(text.lastIndexOf('\n', text.length - 2) + 1).startsWith(`${last} `),
      );
      assert.ok(i === 0 || first > (index[i - 1]?.last ?? ''), 'a metric is in two parts');
    }
  });

  it('are none without lines', async () => {
    assert.deepEqual(await kept().writer.finish(), []);
  });

  it('divide a metric with too many lines between two lines', async () => {
    const { writer, parts } = kept();
    const lines = linesOf('m', 800_000);
    assert.ok(lines.length > PART_BYTES);
    await writer.add('a', linesOf('a', 1), 1);
    await writer.add('m', lines, 800_000);
    await writer.add('z', linesOf('z', 1), 1);
    const index = await writer.finish();
    assert.deepEqual(
      index.map(({ first, last }) => first + last),
      ['aa', 'mm', 'mm', 'mm', 'zz'],
    );
    assert.equal(
      index.reduce((sum, part) => sum + part.lines, 0),
      800_002,
    );
    assert.ok([2, 3, 4].every((number) => parts.get(number)?.at(-1) === 10));
    assert.ok(Buffer.concat([2, 3, 4].map((number) => parts.get(number) ?? new Uint8Array())).equals(lines));
  });

  it('fail with the error of the store', async () => {
    const writer = new PartWriter(() => Promise.reject(new Error('no space')));
    await writer.add('a', linesOf('a', 1), 1);
    await assert.rejects(writer.finish(), /no space/);
  });
});
