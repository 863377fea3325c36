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
  it('accepts a sound backup with every engine', async () => {
    for (const engine of readingEngines('gz')) {
      assert.deepEqual(await check({ backup: sound, engine }), { outcome: 'sound' });
    }
  });

  it('does not report damage if an engine is missing', async () => {
    const checked = await check({ backup: { ...sound, body: broken }, engine: 'none' });
    assert.ok(checked.outcome === 'failed' && checked.code === 'INVALID_OPTION');
  });

  it('reports that a file was damaged before it was backed up', async () => {
    const cut = file.slice(0, -1);
    const checked = await check({ backup: { ...sound, body: gzipSync(cut), sha1: sha1Of(cut) }, engine: 'zlib' });
    assert.ok(checked.outcome === 'sound' && checked.remark?.code === 'DAMAGED_FILE');
  });

  it('uses another engine than the one that this host writes with, as its errors show', async () => {
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
