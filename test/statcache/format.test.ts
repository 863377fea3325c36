import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../lib/common/order.ts';
import { CacheWriter, readCache } from '../../lib/statcache/cache-file.ts';
import { type CacheEntry, statCacheFormat } from '../../lib/statcache/entry.ts';
import { createScratch } from '../fixtures/scratch.ts';

const number = fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }));
const sha1 = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 });
const entries: fc.Arbitrary<CacheEntry[]> = fc
  .uniqueArray(
    fc.record(
      {
        order: fc.string({ unit: 'binary', maxLength: 30 }),
        size: number,
        mtimeMs: number,
        ctimeMs: number,
        ino: number,
        sha1,
      },
      { noNullPrototype: true },
    ),
    { selector: ({ order }) => order, maxLength: 40 },
  )
  .map((all) => all.sort((a, b) => compareKeys(a.order, b.order)));

async function write(file: string, all: readonly CacheEntry[], keepOthers = false): Promise<void> {
  const writer = await CacheWriter.create(file, statCacheFormat('/tree'), keepOthers);
  for (const entry of all) await writer.put(entry.order, entry);
  await writer.finish();
}

async function read(file: string): Promise<CacheEntry[]> {
  const all: CacheEntry[] = [];
  for await (const block of readCache(file, statCacheFormat('/tree'))) all.push(...block);
  return all;
}

describe('the file of the stat cache', () => {
  it('returns the stored entries', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('cache');
    await fc.assert(
      fc.asyncProperty(entries, async (all) => {
        await write(file, all);
        assert.deepEqual(await read(file), all);
      }),
    );
  });

  it('may be larger than a block', async () => {
    await using scratch = await createScratch();
    const all = Array.from({ length: 5000 }, (_, i) => ({
      ...{ order: `metric${String(i).padStart(5, '0')}/`, size: i, mtimeMs: i / 7, ctimeMs: i / 3, ino: i },
      sha1: '0'.repeat(40),
    }));
    await write(scratch.at('cache'), all);
    assert.deepEqual(await read(scratch.at('cache')), all);
  });

  it('never yields wrong entries, however it is damaged', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('cache');
    const damage = fc.record({ at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }), cut: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(entries, damage, async (all, { at, bits, cut }) => {
        await write(file, all);
        const bytes = await readFile(file);
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ bits;
        await writeFile(file, cut ? bytes.subarray(0, place) : bytes);
        const told = await read(file);
        assert.deepEqual(told, all.slice(0, told.length));
        assert.ok(all.length === 0 || told.length < all.length, 'the damage was in what it tells');
      }),
    );
  });

  it('keeps other entries in a partial run, and replaces or drops those of the run', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('cache');
    const pick = fc.array(fc.constantFrom('same', 'new', 'forget', 'other'), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(entries, pick, async (all, picks) => {
        await write(file, all);
        const writer = await CacheWriter.create(file, statCacheFormat('/tree'), true);
        const expected: CacheEntry[] = [];
        for (const [i, entry] of all.entries()) {
          const picked = picks[i];
          const now = picked === 'new' ? { ...entry, size: entry.size + 1 } : entry;
          if (picked !== 'forget') expected.push(now);
          if (picked !== 'other') await writer.put(entry.order, picked === 'forget' ? undefined : now);
        }
        await writer.finish();
        assert.deepEqual(await read(file), expected);
      }),
    );
  });
});
