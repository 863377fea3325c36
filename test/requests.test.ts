import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import pMap from 'p-map';
import type { Summary } from '../lib/common/summary.ts';
import { RunRecords } from '../lib/monitoring/bucket-records.ts';
import type { NewRunRecord } from '../lib/monitoring/run-record.ts';
import type { BackupOptions } from '../lib/operations/backup/backup.ts';
import { createStore, type Place, type StoreSpec } from '../lib/store/spec.ts';
import type { ObjectStore } from '../lib/store/store.ts';
import { createTraffic, trafficOf } from '../lib/store/traffic.ts';
import { backUp, journalTree, restoreTree } from './fixtures/operations.ts';
import { putPair } from './fixtures/python-bucket.ts';
import { createScratch } from './fixtures/scratch.ts';
import { plant, plantTree, whisperFile } from './fixtures/tree.ts';
import { type HttpProxy, type Seen, startProxy } from './servers/proxy.ts';
import { ownBucket, sharedRadosgw, sharedSwift } from './servers/shared.ts';

/*
 * The requests of a backup, counted by a proxy in front of a real server. Amazon and others charge for each, and
 * each is a round trip. The README has these figures.
 */

const METRICS = Array.from({ length: 1000 }, (_, i) => `servers/web${i % 20}/cpu${i}.wsp`);
const PAIRED = METRICS.slice(0, 100);

/** How many requests of each kind. */
type Requests = Readonly<Record<string, number>>;

interface Kind {
  readonly name: string;
  readonly proxy: HttpProxy;
  /** A place behind the proxy, or one that is not counted. */
  place(bucket: string, counted: boolean): Place;
  operationOf(seen: Seen): string;
  /** What each run must cost, in the order of the runs. */
  readonly expected: Readonly<Record<string, Requests>>;
}

const scratch = await createScratch();
const [radosgw, swift] = await Promise.all([sharedRadosgw(), sharedSwift(await scratch.directory('swift'))]);
const s3Proxy = await startProxy(radosgw.s3.endpoint);
const swiftProxy = await startProxy(swift.url);
after(async () => {
  await Promise.all([s3Proxy.stop(), swiftProxy.stop(), radosgw.stop(), swift.stop()]);
  await scratch[Symbol.asyncDispose]();
});

/** Requests for the existence, owner and clock of the bucket, and for the record of the run; without listings. */
const S3_FRAME = { probe: 2, 'GET of the owner': 1, 'PUT of the record': 1 };
const SWIFT_FRAME = { login: 1, ...S3_FRAME };

/*
 * Two listings, as the Python tool wrote keys with a leading `/`, too. S3 gives 1,000 objects a page, Swift 10,000, and
 * an empty page at the end. Whoever deletes has looked twice.
 */
const kinds: readonly Kind[] = [
  {
    name: 'S3',
    proxy: s3Proxy,
    place(bucket, counted) {
      const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
      const url = counted ? s3Proxy.url : endpoint;
      return { kind: 's3', options: { bucket, endpoint: url, accessKeyId, secretAccessKey } };
    },
    operationOf: s3Operation,
    expected: {
      'first run': {
        ...S3_FRAME,
        'PUT of the bucket': 1,
        'PUT of the owner': 1,
        listing: 4,
        'PUT of backups': 1000,
      },
      'nothing changed': { ...S3_FRAME, listing: 4 },
      'journal, all changed': { probe: 1, 'GET of the owner': 1, listing: 4, 'PUT of the journal': 2 },
      '10 % changed': { ...S3_FRAME, listing: 4, 'PUT of backups': 100 },
      '10 % changed, 200 backups expired': { ...S3_FRAME, listing: 9, 'PUT of backups': 100, 'batch delete': 1 },
      '100 metrics purged': { ...S3_FRAME, listing: 9, 'batch delete': 1 },
      restore: { probe: 1, listing: 3, 'GET of backups': 900 },
      'restore of 5 % again': { probe: 1, listing: 3, 'GET of backups': 45 },
      'nothing changed since 100 pairs': { ...S3_FRAME, listing: 3 },
    },
  },
  {
    name: 'Swift',
    proxy: swiftProxy,
    place(container, counted) {
      const { user, key } = swift.v1;
      const authUrl = `${counted ? swiftProxy.url : swift.url}/auth/v1.0`;
      return { kind: 'swift', options: { container, auth: { method: 'v1', authUrl, user, key } } };
    },
    operationOf: swiftOperation,
    expected: {
      'first run': {
        ...SWIFT_FRAME,
        'PUT of the container': 1,
        'PUT of the owner': 1,
        listing: 6,
        'PUT of backups': 1000,
        login: 2,
      },
      'nothing changed': { ...SWIFT_FRAME, listing: 4 },
      'journal, all changed': { login: 2, probe: 1, 'GET of the owner': 1, listing: 5, 'PUT of the journal': 2 },
      '10 % changed': { ...SWIFT_FRAME, listing: 4, 'PUT of backups': 100, login: 2 },
      '10 % changed, 200 backups expired': {
        ...SWIFT_FRAME,
        listing: 9,
        'PUT of backups': 100,
        login: 2,
        capabilities: 1,
        'batch delete': 1,
      },
      '100 metrics purged': { ...SWIFT_FRAME, listing: 9, capabilities: 1, 'batch delete': 1 },
      restore: { login: 2, probe: 1, listing: 4, 'GET of backups': 900 },
      'restore of 5 % again': { login: 2, probe: 1, listing: 4, 'GET of backups': 45 },
      'nothing changed since 100 pairs': { ...SWIFT_FRAME, listing: 4 },
    },
  },
];

for (const kind of kinds) {
  describe(`Requests to ${kind.name}`, () => {
    it('are none for an unchanged metric, one for a changed one, and few for deletions', async () => {
      const prefix = await scratch.directory(`tree-${kind.name}`);
      await plantTree(prefix, METRICS);
      const bucket = ownBucket(`costs-${kind.name.toLowerCase()}`);
      const change = async (seed: number) => {
        for (const name of METRICS.slice(0, 100)) await plant(prefix, name, whisperFile({ seed }));
      };

      const first = await counted(kind, bucket, prefix);
      assert.equal(first.summary.counts['stored'], 1000);
      check(kind, 'first run', first.requests);

      const unchanged = await counted(kind, bucket, prefix);
      assert.equal(unchanged.summary.counts['unchanged'], 1000);
      check(kind, 'nothing changed', unchanged.requests);

      await change(5000);
      const changed = await counted(kind, bucket, prefix);
      assert.equal(changed.summary.counts['stored'], 100);
      check(kind, '10 % changed', changed.requests);

      await change(6000);
      const expired = await counted(kind, bucket, prefix, { retention: 1 });
      assert.equal(expired.summary.counts['stored'], 100);
      assert.equal(expired.summary.counts['deleted'], 200);
      check(kind, '10 % changed, 200 backups expired', expired.requests);

      for (const name of METRICS.slice(900)) await rm(`${prefix}/${name}`);
      const gone = await counted(kind, bucket, prefix, { retention: 1, purge: 0 });
      assert.equal(gone.summary.counts['purged'], 100);
      check(kind, '100 metrics purged', gone.requests);

      const restored = await scratch.directory(`restored-${kind.name}`);
      const restore = () => countedRun(kind, bucket, (store, options) => restoreTree(store, restored, options));
      const whole = await restore();
      assert.equal(whole.summary.counts['restored'], 900);
      check(kind, 'restore', whole.requests);
      await rm(`${restored}/servers/web1`, { recursive: true });
      const resumed = await restore();
      assert.deepEqual([resumed.summary.counts['restored'], resumed.summary.counts['unchanged']], [45, 855]);
      check(kind, 'restore of 5 % again', resumed.requests);

      // Without marks, so that it stores points of all.
      const journaled = await countedRun(kind, bucket, (store, options) => journalTree(store, prefix, options));
      assert.equal(journaled.summary.counts['journaled'], 900);
      check(kind, 'journal, all changed', journaled.requests);
    });

    it("are none for a metric whose newest backup is the Python tool's pair", async () => {
      const prefix = await scratch.directory(`pairs-${kind.name}`);
      const files = await plantTree(prefix, PAIRED);
      const bucket = ownBucket(`pairs-${kind.name.toLowerCase()}`);
      const direct = await createStore(specOf(kind, bucket, false), () => {});
      await direct.open({ create: true });
      const put = ([name, file]: readonly [string, Uint8Array]) =>
        putPair(direct, name.replace(/\.wsp$/, '').replaceAll('/', '.'), '2026-11-01T03:00:00+00:00', file);
      await pMap(files, put, { concurrency: 16 });
      await direct.close();
      // Marks the bucket as its own.
      const first = await counted(kind, bucket, prefix);
      assert.equal(first.summary.counts['unchanged'], PAIRED.length);
      assert.equal(first.requests['GET of backups'], undefined);

      const { summary, requests } = await counted(kind, bucket, prefix);
      assert.equal(summary.counts['unchanged'], PAIRED.length);
      check(kind, 'nothing changed since 100 pairs', requests);
    });
  });
}

it('are as many as in the README', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').map((line) => line.replace(/ +/g, ' '));
  for (const run of Object.keys(kinds[0]?.expected ?? {}).filter((run) => !/pairs|restore/.test(run))) {
    const cells = kinds.map(({ expected }) => {
      const { 'PUT of backups': backups, 'PUT of the journal': puts = backups, ...rest } = expected[run] ?? {};
      const others = Object.values(rest).reduce((sum, count) => sum + count, 0);
      return puts === undefined ? `${others}` : `${puts.toLocaleString('en')} PUT + ${others}`;
    });
    assert.ok(rows.includes(`| ${run} | ${cells.join(' | ')} |`), `${run}: ${cells.join(', ')}`);
  }
});

function specOf(kind: Kind, bucket: string, counted = true): StoreSpec {
  return { place: kind.place(bucket, counted), concurrency: 16 };
}

/** Runs a backup, and counts its requests. */
async function counted(
  kind: Kind,
  bucket: string,
  prefix: string,
  options: Partial<BackupOptions> = {},
): Promise<{ summary: Summary; requests: Requests }> {
  const before = kind.proxy.seen.length;
  const traffic = createTraffic();
  const threadStore = { ...specOf(kind, bucket), traffic };
  const store = await createStore(threadStore, () => {});
  try {
    // As the program does it: the one thread that uploads logs in by itself.
    const records = new RunRecords({});
    const summary = await backUp(store, prefix, { processes: 1, threadStore, onOwn: records.found, ...options });
    assert.deepEqual(summary.failed, []);
    await records.keep(store, recordOf(summary), new Date());
    const own = trafficOf(traffic);
    const requests = countOperations(kind, before);
    // Its own count equals the proxy's; a retried request may not have reached the proxy.
    const seen = kind.proxy.seen.length - before;
    assert.ok(own.requests >= seen && own.requests - own.retries <= seen, `${own.requests} sent, ${seen} seen`);
    return { summary, requests };
  } finally {
    await store.close();
  }
}

/** Runs a restore or journal, and counts what it asked of the server. */
async function countedRun(
  kind: Kind,
  bucket: string,
  run: (store: ObjectStore, options: { processes: number; threadStore: StoreSpec }) => Promise<Summary>,
): Promise<{ summary: Summary; requests: Requests }> {
  const before = kind.proxy.seen.length;
  const threadStore = specOf(kind, bucket);
  const store = await createStore(threadStore, () => {});
  try {
    const summary = await run(store, { processes: 1, threadStore });
    assert.deepEqual(summary.failed, []);
    return { summary, requests: countOperations(kind, before) };
  } finally {
    await store.close();
  }
}

function countOperations(kind: Kind, before: number): Requests {
  const requests: Record<string, number> = {};
  for (const seen of kind.proxy.seen.slice(before)) {
    const operation = kind.operationOf(seen);
    requests[operation] = (requests[operation] ?? 0) + 1;
  }
  return requests;
}

/** What the program leaves in the bucket when a run has ended. */
function recordOf(summary: Summary): NewRunRecord {
  return {
    program: '1.0.0',
    host: 'web01',
    machine: 'machine',
    command: 'backup',
    started: summary.started,
    finished: new Date().toISOString(),
    seconds: summary.seconds,
    exitCode: 0,
    interval: 86_400,
    summary,
  };
}

/** Prints the figures, and compares them with the expected ones. */
function check({ name, expected }: Kind, run: string, requests: Requests): void {
  const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
  const detail = Object.entries(requests).map(([operation, count]) => `${count} ${operation}`);
  console.log(`${name}, ${run}: ${total} requests (${detail.join(', ')})`);
  assert.deepEqual(requests, expected[run]);
}

function s3Operation({ method, url }: Seen): string {
  const { pathname, searchParams } = new URL(url, 'http://proxy');
  if (searchParams.has('list-type')) return searchParams.get('max-keys') === '1' ? 'probe' : 'listing';
  if (searchParams.has('delete')) return 'batch delete';
  return operation(method, pathname.replace(/^\/[^/]+/, ''), 'bucket');
}

function swiftOperation({ method, url }: Seen): string {
  const { pathname, searchParams } = new URL(url, 'http://proxy');
  if (pathname === '/auth/v1.0') return 'login';
  if (pathname === '/info') return 'capabilities';
  if (searchParams.has('bulk-delete')) return 'batch delete';
  const object = pathname.replace(/^\/v1\/[^/]+\/[^/]+/, '');
  if (method === 'GET' && object === '') return searchParams.get('limit') === '1' ? 'probe' : 'listing';
  return operation(method, object, 'container');
}

/** @param object its path behind the bucket, which is empty for the bucket itself. */
function operation(method: string, object: string, bucket: string): string {
  if (object === '' || object === '/') return `${method} of the ${bucket}`;
  if (object.includes('.whisper-backup/runs/')) return `${method} of the record`;
  if (object.includes('.whisper-backup/journal/')) return `${method} of the journal`;
  return object.includes('.whisper-backup') ? `${method} of the owner` : `${method} of backups`;
}
