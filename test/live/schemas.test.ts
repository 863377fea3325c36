import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newSchemas } from '../../lib/carbon/new-schemas.ts';
import { parseStorageAggregation } from '../../lib/carbon/storage-aggregation.ts';
import { parseStorageSchemas } from '../../lib/carbon/storage-schemas.ts';
import { HEAD_BYTES, parseHeader } from '../../lib/whisper/header.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { metricFile } from '../fixtures/metric.ts';
import { restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { startCarbon } from '../servers/carbon.ts';

const SCHEMAS = `# order matters
[carbon]
pattern = ^carbon\\.
retentions = 60:10

[impossible]
pattern = ^servers
retentions = 60:10,60:20

[web]
pattern = ^servers\\.(www.+|web\\d{1,2})\\.
retentions = 10s:5m,
  1m:1h

[tagged]
pattern = ;dc=fra(;|$)
retentions = 30s:10m

[counts]
Pattern: (?i)\\.COUNT$
Retentions: 1m:30m,5m:3h
`;

const AGGREGATIONS = `[count]
pattern = \\.count$
xFilesFactor = 0
aggregationMethod = sum

[web]
pattern = ^servers
xFilesFactor = 0.3
`;

const METRICS = [
  'servers.web01.cpu',
  'servers.www-a.cpu',
  'servers.web123.cpu',
  'servers.db.count',
  'stats.hits.count',
  'hits;dc=fra;host=a.b',
  'hits;dc=ams;host=a.b',
  'other',
];

describe('a restore with the configuration of a real carbon-cache', () => {
  it('gives new files the headers that carbon gives them', async () => {
    await using scratch = await createScratch();
    const carbon = await startCarbon(scratch.at('carbon'), {
      retentions: '60:10',
      schemas: SCHEMAS,
      aggregation: AGGREGATIONS,
    });
    let made: Map<string, Uint8Array>;
    try {
      const timestamp = Math.floor(Date.now() / 1000);
      await carbon.send(METRICS.map((metric) => ({ metric, timestamp, value: 1 })));
      made = await filesOf(carbon.prefix, METRICS.length);
    } finally {
      await carbon.stop();
    }
    const bucket = new Bucket();
    for (const name of made.keys()) await bucket.backup(name.replace(/\.wsp$/, ''), daysAgo(1), metricFile());
    const { counts, failed } = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      schemaOf: newSchemas(
        parseStorageSchemas(SCHEMAS, () => {}),
        parseStorageAggregation(AGGREGATIONS, () => {}),
      ),
    });
    assert.deepEqual(failed, []);
    assert.equal(counts.restored, METRICS.length);
    for (const [name, bytes] of made) {
      const restored = await readFile(scratch.at('tree', name));
      const head = (file: Uint8Array) => Buffer.from(file.subarray(0, Math.min(HEAD_BYTES, headOf(file))));
      assert.deepEqual(head(restored), head(bytes), name);
      assert.equal(restored.length, bytes.length, name);
    }
    const schemas = new Set([...made.values()].map((bytes) => JSON.stringify(parseHeader(bytes).archives)));
    assert.equal(schemas.size, 4);
  });
});

/** Where the first archive begins. */
function headOf(file: Uint8Array): number {
  return Math.min(...parseHeader(file).archives.map(({ offset }) => offset));
}

/** The files of carbon that are not its own, when there are so many and all are whole. */
async function filesOf(prefix: string, count: number): Promise<Map<string, Uint8Array>> {
  for (let tries = 0; tries < 600; tries++) {
    const files = [...(await readTree(prefix))].filter(
      ([name]) => name.endsWith('.wsp') && !name.startsWith('carbon/'),
    );
    const found = new Map(files.map(([name, bytes]) => [name, new Uint8Array(bytes)]));
    if (found.size === count && [...found.values()].every(isWhole)) return found;
    await sleep(100);
  }
  throw new Error('carbon-cache did not create its files within a minute');
}

function isWhole(bytes: Uint8Array): boolean {
  try {
    parseHeader(bytes);
    return true;
  } catch {
    return false;
  }
}
