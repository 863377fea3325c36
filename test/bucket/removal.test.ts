import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Remover } from '../../lib/bucket/removal.ts';
import { inMemory } from '../hostile/memory.ts';
import { createMemoryStore } from '../store/memory-store.ts';

describe('Remover', () => {
  it('does not keep metrics without deletions in memory', async () => {
    const remover = new Remover(createMemoryStore(), { onFailure: assert.fail });
    await inMemory(100 * 2 ** 20, async () => {
      for (let i = 0; i < 1_000_000; i++)
        await remover.add({ metric: `servers.web${i}.cpu`, sha1s: [], data: [], tombstones: [] });
    });
    await remover.flush();
    assert.equal(remover.deleted, 0);
  });
});
