import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSwiftStore } from '../../../lib/store/drivers/swift/swift.ts';
import { PermanentError, TransientError } from '../../../lib/store/errors.ts';
import type { ListRange } from '../../../lib/store/store.ts';
import { keysOf } from '../collect.ts';
import { type Said, startFakeSwift } from './fake-swift.ts';

const NOON = Date.UTC(2026, 10, 22, 12) / 1000;
const [BEFORE, AFTER] = [NOON - 60, NOON + 1];

/** A version that was stored at a time in seconds. Its row may be younger. */
const row = (name: string, seconds: number, version_id = `${seconds}.00000`) => ({
  ...{ name, version_id, bytes: 3, hash: 'acbd18db4cc2f85cedef654fccc4a4d8' },
  last_modified: version_id === 'null' ? new Date(seconds * 1000).toISOString() : '2026-11-30T00:00:00.000000',
  content_type: 'application/octet-stream',
});

const marker = (name: string, seconds: number) => ({
  ...row(name, seconds),
  content_type: 'application/x-deleted;swift_versions_deleted=1',
});

/** Lists as of noon, with a server that gives these pages, and empty ones afterwards. */
async function listed(pages: readonly (readonly unknown[])[], range?: ListRange) {
  const said = (entries: readonly unknown[] = []): Said => ({ status: 200, body: JSON.stringify(entries) });
  await using fake = await startFakeSwift(() => said(pages[fake.requests.length - 1]));
  const store = createSwiftStore({ ...fake.options, asOf: new Date(NOON * 1000) });
  try {
    const keys = await keysOf(store, range);
    const markers = fake.requests.map(({ url }) => {
      const { searchParams } = new URL(url, 'http://fake');
      return [searchParams.get('marker'), searchParams.get('version_marker')];
    });
    return { keys, markers };
  } finally {
    await store.close();
  }
}

describe('the versions of a container of Swift at a moment', () => {
  it('are the newest of each object until then, if it was not deleted', async () => {
    const { keys } = await listed([
      [
        row('a', AFTER),
        row('a', BEFORE),
        row('a', BEFORE - 1),
        marker('b', BEFORE),
        row('b', BEFORE - 1),
        row('c', AFTER),
      ],
    ]);
    assert.deepEqual(keys, ['a']);
  });

  it('continue behind an object that is decided, and within one that is not', async () => {
    const { keys, markers } = await listed([
      [row('a', BEFORE), row('a', BEFORE - 1)],
      [row('b é', AFTER + 1), row('b é', AFTER)],
      [row('b é', NOON), row('b é', BEFORE)],
    ]);
    assert.deepEqual(keys, ['a', 'b é']);
    assert.deepEqual(markers, [
      [null, null],
      ['a', null],
      ['b é', `${AFTER}.00000`],
      ['b é', null],
    ]);
  });

  it('continue behind a version without a name, which is the newest of its object', async () => {
    const { keys, markers } = await listed([[row('a', AFTER, 'null')], [row('a', BEFORE)]]);
    assert.deepEqual(keys, ['a']);
    assert.deepEqual(markers[1], ['a', '9999999999.99999']);
  });

  it('are not read beyond the end of a range', async () => {
    const { keys, markers } = await listed([[row('a', BEFORE), row('b', BEFORE), row('c', AFTER)]], { endBefore: 'b' });
    assert.deepEqual([keys, markers.length], [['a'], 1]);
  });

  it('are not listed for ever if the server repeats a page', async () => {
    const page = [row('a', AFTER)];
    await assert.rejects(listed([page, page, page]), PermanentError);
  });

  it('are listed again if the response has none', async () => {
    const { version_id: _, ...plain } = row('a', BEFORE);
    await assert.rejects(listed([[plain]]), TransientError);
  });
});
