import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { join } from '../../lib/common/merge.ts';
import { compareKeys } from '../../lib/common/order.ts';
import { each } from '../../lib/common/pages.ts';

async function* sequence(orders: readonly string[]): AsyncGenerator<{ order: string }[]> {
  for (const order of orders) yield [{ order }];
}

async function joined(left: readonly string[], right: readonly string[]): Promise<string[]> {
  const steps: string[] = [];
  for await (const { left: l, right: r } of each(join(sequence(left), sequence(right))))
    steps.push(`${l?.order ?? ''}|${r?.order ?? ''}`);
  return steps;
}

describe('join', () => {
  it('pairs equal keys and yields the others alone, in order', async () => {
    assert.deepEqual(await joined(['a', 'c', 'd'], ['b', 'c', 'e']), ['a|', '|b', 'c|c', 'd|', '|e']);
    assert.deepEqual(await joined([], []), []);
    assert.deepEqual(await joined(['a'], []), ['a|']);
    assert.deepEqual(await joined([], ['a']), ['|a']);
  });

  it('compares by UTF-8 bytes, unlike JavaScript', async () => {
    assert.deepEqual(await joined(['～', '😀'], ['😀']), ['～|', '😀|😀']);
  });

  it('neither loses nor adds items', async () => {
    const orders = fc
      .uniqueArray(fc.string({ unit: fc.constantFrom('a', '.', '/', '～', '😀', '-'), maxLength: 3 }), {
        maxLength: 12,
      })
      .map((names) => names.sort(compareKeys));
    await fc.assert(
      fc.asyncProperty(orders, orders, async (left, right) => {
        const all = [...new Set([...left, ...right])].sort(compareKeys);
        const expected = all.map((o) => `${left.includes(o) ? o : ''}|${right.includes(o) ? o : ''}`);
        assert.deepEqual(await joined(left, right), expected);
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on page boundaries', async () => {
    const orders = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '😀'), maxLength: 3 }), {
      maxLength: 12,
    });
    const sizes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 });
    async function* pages(orders: readonly string[], sizes: readonly number[]) {
      let at = 0;
      for (const size of [...sizes, orders.length]) {
        yield orders.slice(at, at + size).map((order) => ({ order }));
        at += size;
      }
    }
    await fc.assert(
      fc.asyncProperty(orders, orders, sizes, sizes, async (left, right, cutsLeft, cutsRight) => {
        const sides = [left, right].map((side) => side.toSorted(compareKeys)) as [string[], string[]];
        const steps: string[] = [];
        for await (const found of join(pages(sides[0], cutsLeft), pages(sides[1], cutsRight))) {
          assert.ok(found.length > 0);
          for (const { left: l, right: r } of found) steps.push(`${l?.order ?? ''}|${r?.order ?? ''}`);
        }
        assert.deepEqual(steps, await joined(...sides));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps one page of each side in memory', async () => {
    let ahead = 0;
    async function* counted() {
      for (let i = 0; i < 1000; i++) {
        ahead++;
        yield [{ order: String(i).padStart(4, '0') }];
      }
    }
    for await (const _ of each(join(counted(), counted()))) {
      ahead -= 2;
      assert.ok(ahead <= 2);
    }
  });

  it('closes both sides when the reader stops, and when either fails', async () => {
    const closed: string[] = [];
    async function* side(name: string, fails: boolean) {
      try {
        yield [{ order: 'a' }];
        if (fails) throw new Error(`${name} failed`);
        yield [{ order: 'b' }];
      } finally {
        closed.push(name);
      }
    }
    for await (const _ of join(side('left', false), side('right', false))) break;
    assert.deepEqual(closed.sort(), ['left', 'right']);
    closed.length = 0;
    await assert.rejects(async () => {
      for await (const _ of join(side('left', false), side('right', true)));
    }, /right failed/);
    assert.deepEqual(closed.sort(), ['left', 'right']);
  });
});
