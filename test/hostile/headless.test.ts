import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { backupKey } from '../../lib/bucket/layout.ts';
import { codesOf, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { bombs } from './bomb.ts';
import { within } from './deadline.ts';
import { inMemory } from './memory.ts';

const it = casesOf('hostile');

const MIB = 2 ** 20;

describe('decompression bombs without a Whisper header', () => {
  it('are not restored, and are found by verify, in little time and memory', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const heads = {
      zeros: new Uint8Array(4096),
      ones: new Uint8Array(5000).fill(255),
      short: Uint8Array.of(0, 0, 0, 1),
    };
    const codes: Record<string, string> = {};
    for (const algorithm of ['gz', 'zst'] as const) {
      for (const [name, head] of Object.entries(heads)) {
        const key = backupKey('', `${algorithm}${name}`, '2026-11-22T03:14:15+00:00', '0'.repeat(40), algorithm);
        await store.put(key, bombs[algorithm](head, 1024));
        codes[`${algorithm}${name}`] = 'COMPRESSION_TOO_LARGE';
      }
    }
    await scratch.directory('tree');
    const restored = await inMemory(256 * MIB, () => within(30, () => restoreTree(store, scratch.at('tree'))));
    assert.deepEqual(codesOf(restored.failed), codes);
    assert.equal((await readTree(scratch.path)).size, 0);
    const verified = await inMemory(256 * MIB, () => within(30, () => verifyAll(store, { readData: true })));
    assert.deepEqual(codesOf(verified.damaged ?? []), codes);
  });
});
