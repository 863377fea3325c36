import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNoopStore } from '../../lib/store/drivers/noop.ts';
import { NotFoundError, PermanentError } from '../../lib/store/errors.ts';
import { bytes, keysOf } from './collect.ts';

describe('noop', () => {
  it('accepts everything and stores nothing', async () => {
    const store = createNoopStore();
    await store.open({ create: false });
    await store.put('a', bytes('x'));
    assert.deepEqual(await keysOf(store), []);
    await assert.rejects(store.get('a', { maxBytes: 1 }), NotFoundError);
    assert.deepEqual(await store.delete(['a', 'b']), []);
    assert.equal(await store.clock(), undefined);
    await store.flush();
    await store.close();
  });

  it('rejects keys that no store accepts, and stops on abort', async () => {
    const store = createNoopStore();
    await assert.rejects(store.put('', bytes('x')), PermanentError);
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(store.put('a', bytes('x'), { signal }), reason);
    await assert.rejects(keysOf(store, { signal }), reason);
  });
});
