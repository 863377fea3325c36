import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { reasonOf } from '../../lib/common/errors.ts';
import { createDecompressor, readingEngines } from '../../lib/compress/engine.ts';
import { otherEngine } from '../../lib/operations/verify/reading.ts';
import { check } from '../../lib/workers/tasks/check.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { metricFile } from '../fixtures/metric.ts';
import { verifyAll } from '../fixtures/operations.ts';
import { sha1Of } from '../fixtures/python-bucket.ts';

const file = metricFile(3);
const sound = { key: 'a/b', body: new Uint8Array(gzipSync(file)), algorithm: 'gz', sha1: sha1Of(file) } as const;
/** A gzip header, and a deflate block of a type that there is not. */
const broken = Uint8Array.of(31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0);

describe('a check', () => {
  it('passes what is sound, with every engine', async () => {
    for (const engine of readingEngines('gz')) {
      assert.deepEqual(await check({ backup: sound, engine }), { outcome: 'sound' });
    }
  });

  it('does not call a backup damaged because an engine is not there', async () => {
    const checked = await check({ backup: { ...sound, body: broken }, engine: 'none' });
    assert.ok(checked.outcome === 'failed' && checked.code === 'INVALID_OPTION');
  });

  it('tells that a file was damaged before it was stored', async () => {
    const cut = file.slice(0, -1);
    const checked = await check({ backup: { ...sound, body: gzipSync(cut), sha1: sha1Of(cut) }, engine: 'zlib' });
    assert.ok(checked.outcome === 'sound' && checked.remark?.code === 'DAMAGED_FILE');
  });

  it('is made with an engine that this host does not write with, as the words of its errors show', async () => {
    const said = async (engine: string): Promise<string> => {
      try {
        (await createDecompressor({ algorithm: 'gz', engine })).decompress(broken, { maxBytes: 1e6 });
        return 'nothing';
      } catch (error) {
        return reasonOf(error);
      }
    };
    const bucket = new Bucket();
    await bucket.put(await bucket.backup('a', daysAgo(2)), daysAgo(2), broken);
    const writers = ['zlib', 'auto'];
    for (const gzipEngine of writers) {
      const other = otherEngine('gz', gzipEngine);
      const expected = await said(other);
      const all = await Promise.all(readingEngines('gz').map(said));
      assert.ok(all.some((words) => words !== expected));
      const { damaged = [] } = await verifyAll(bucket.store, { readData: true, now: bucket.now, gzipEngine });
      assert.deepEqual(
        damaged.map(({ reason }) => reason),
        [expected],
      );
    }
  });
});
