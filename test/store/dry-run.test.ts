import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { DeniedError, NotFoundError, PermanentError } from '../../lib/store/errors.ts';
import { bytes, keysOf, text } from './collect.ts';
import { createMemoryStore } from './memory-store.ts';

describe('withDryRun', () => {
  it('reads, writes nothing, and counts what it would have done', async () => {
    const inner = createMemoryStore();
    await inner.put('a', bytes('old'));
    const store = withDryRun(inner);
    await store.open({ create: true });
    await store.put('a', bytes('newer'));
    await store.put('b', bytes('x'));
    assert.deepEqual(await store.delete(['a', 'c']), []);
    await store.flush();
    assert.equal(await store.clock(), undefined);
    assert.deepEqual(await keysOf(store), ['a']);
    assert.equal(text(await store.get('a', { maxBytes: 10 })), 'old');
    assert.deepEqual(store.planned, { puts: 2, bytes: 6, deletes: 2 });
    assert.deepEqual(await keysOf(inner), ['a']);
  });

  it('changes no file of a disk, not even for the clock, and creates no bucket', async () => {
    const scratch = fs.mkdtempSync(path.join(tmpdir(), 'store-'));
    try {
      for (const bucket of ['', 'missing/deep']) {
        const store = withDryRun(createDiskStore({ path: path.join(scratch, bucket) }));
        await store.open({ create: true });
        await store.put('a', bytes('x'));
        await store.delete(['a']);
        await store.clock();
        await store.flush();
        assert.deepEqual(await keysOf(store), []);
        await assert.rejects(store.get('owner.json', { maxBytes: 1 }), NotFoundError);
        await store.close();
      }
      assert.deepEqual(fs.readdirSync(scratch), []);
    } finally {
      fs.rmSync(scratch, { recursive: true });
    }
  });

  it('reports a missing bucket if the real run would fail as well', async () => {
    const store = withDryRun(createMemoryStore({ exists: false }));
    await assert.rejects(store.open({ create: false }), { code: 'BUCKET_MISSING' });
    const denied = new DeniedError('no');
    const refusing = withDryRun({ ...createMemoryStore(), name: 'x', open: () => Promise.reject(denied) });
    await assert.rejects(refusing.open({ create: true }), denied);
  });

  it('rejects keys that no store accepts', async () => {
    await assert.rejects(withDryRun(createMemoryStore()).put('', bytes('x')), PermanentError);
  });
});
