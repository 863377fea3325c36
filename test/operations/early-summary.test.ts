import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Count } from '../../lib/common/codes.ts';
import { silent } from '../../lib/common/report.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { drill } from '../../lib/operations/drill/drill.ts';
import { PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetrics } from '../fixtures/metric.ts';
import { backUp, purgeGone, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { run } from '../scripts/cli/program.ts';

const NAMES = Array.from({ length: 400 }, (_, i) => `m${String(i).padStart(3, '0')}`);

describe('a run that is ended by an error of the store', () => {
  it('reports what was done, then throws the error', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, NAMES);
    for (const command of [backUp, purgeGone]) {
      const bucket = new Bucket();
      for (const name of NAMES.slice(0, 9)) await bucket.backup(name, daysAgo(1), metricFile(999));
      await bucket.backup('m399', daysAgo(1));
      const broken = new PermanentError('the listing broke');
      const store = delegate(bucket.store, {
        async *list(range) {
          for await (const object of bucket.store.list(range)) {
            if (object.key.startsWith('m399')) throw broken;
            yield object;
          }
        },
      });
      const early: Summary[] = [];
      const onEndedEarly = (summary: Summary) => early.push(summary);
      // So few at once that some are stored before the listing breaks.
      const options = { now: bucket.now, onEndedEarly, bytesInFlight: 2 ** 18 };
      await assert.rejects(command(store, scratch.path, options), broken);
      const [summary] = early;
      assert.ok(summary && early.length === 1, command.name);
      assert.deepEqual(summary.stopped, { code: 'PERMANENT', message: 'the listing broke' });
      const stored = (await bucket.keys('m')).length - 10;
      if (command === backUp) assert.ok(stored > 0);
      assert.equal(summary.counts['stored'] ?? 0, stored);
    }
  });

  it('reports what was restored, verified or drilled, then throws the error', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('live'), NAMES);
    for (const [command, operate, figure] of operationsOn(scratch)) {
      const bucket = new Bucket();
      for (const name of NAMES) await bucket.backup(name, daysAgo(1));
      const broken = new PermanentError('the listing broke');
      const isLast = (key: string) => key.startsWith('m399');
      let reached = 0;
      const store = delegate(bucket.store, {
        async *list(range) {
          for await (const object of bucket.store.list(range)) {
            // A drill lists once to plan.
            if (isLast(object.key) && ++reached > (command === 'drill' ? 1 : 0)) throw broken;
            yield object;
          }
        },
      });
      const early: Summary[] = [];
      await assert.rejects(
        operate(store, (summary) => early.push(summary)),
        broken,
      );
      const [summary] = early;
      assert.ok(summary && early.length === 1, command);
      assert.deepEqual([summary.command, summary.stopped?.code], [command, 'PERMANENT']);
      assert.deepEqual(summary.failed, []);
      assert.ok((summary.counts[figure] ?? 0) > 0, `${command}: ${JSON.stringify(summary.counts)}`);
      if (command !== 'restore') continue;
      const there = await readdir(scratch.at('tree'));
      assert.equal(summary.counts[figure], there.filter((name) => name.endsWith('.wsp')).length);
      assert.ok(summary.backups);
    }
  });

  it('reports zeros if the listing fails at once', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('live'), ['a']);
    const broken = new PermanentError('no listing');
    const live = scratch.at('live');
    const all: Operation[] = [
      ...operationsOn(scratch),
      ['backup', (store, onEndedEarly) => backUp(store, live, { onEndedEarly }), 'stored'],
      ['purge', (store, onEndedEarly) => purgeGone(store, live, { onEndedEarly }), 'purged'],
    ];
    for (const [command, operate, figure] of all) {
      const bucket = new Bucket();
      await bucket.backup('a', daysAgo(1));
      let isOwned = false;
      const store = delegate(bucket.store, {
        async *list(range) {
          // The owner marker's claim looks into the bucket as well.
          if (!isOwned && (command === 'backup' || command === 'purge')) yield* bucket.store.list(range);
          else throw broken;
          isOwned = true;
        },
      });
      const early: Summary[] = [];
      await assert.rejects(
        operate(store, (summary) => early.push(summary)),
        broken,
        command,
      );
      assert.deepEqual(
        early.map(({ counts }) => counts[figure]),
        [0],
        command,
      );
    }
  });

  it('reports nothing if the store cannot be opened', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a']);
    const bucket = new Bucket();
    const broken = new PermanentError('not today');
    const store = delegate(bucket.store, { open: () => Promise.reject(broken) });
    await assert.rejects(backUp(store, scratch.path, { onEndedEarly: () => assert.fail() }), broken);
    for (const [, operate] of operationsOn(scratch)) {
      await plantMetrics(scratch.at('live'), ['a']);
      await assert.rejects(
        operate(store, () => assert.fail()),
        broken,
      );
    }
  });

  it('prints its summary and writes it to its record', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), LETTERS);
    // An S3 server that accepts everything, and fails in the middle of its listing.
    let puts = 0;
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        if (request.method === 'PUT' && request.url?.includes('.wsp.gz')) puts++;
        const isListing = request.method === 'GET' && (request.url ?? '').includes('list-type=2');
        if (request.method === 'GET' && !isListing) response.statusCode = 404;
        if (isListing && request.url?.includes('continuation-token')) response.statusCode = 403;
        response.setHeader('content-type', 'application/xml');
        // The next page is requested ahead: it fails after some files of this one were stored.
        if (response.statusCode === 403) void pollUntil(() => puts > 0).then(() => response.end(DENIED));
        else if (response.statusCode === 404) response.end('<Error><Code>NoSuchKey</Code></Error>');
        else response.end(isListing ? listing(request.url?.includes('prefix=%2F') ? [] : KEYS) : '');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const own = [
        '--nolog',
        '--nostamp',
        '--no-cache',
        // A few files at a time, so that some are stored before the listing fails.
        '--bytes-in-flight',
        '1048576',
        '--lockfile',
        scratch.at('lock'),
        '--state-dir',
        scratch.at('state'),
      ];
      const { code, stdout, stderr } = await run(
        [
          'backup',
          's3',
          `endpoint=http://127.0.0.1:${port}`,
          'checksums=never',
          '-b',
          'b',
          '-p',
          scratch.at('tree'),
          '--json',
          ...own,
        ],
        { env: { AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' } },
      );
      assert.equal(code, 12, stderr);
      const { counts, stopped } = JSON.parse(stdout || assert.fail(stderr));
      assert.ok(counts.stored > 0, stderr);
      assert.deepEqual([counts.stored, stopped.code], [puts, 'DENIED'], stderr);
      assert.match(stderr, /backup of s3:b in .*: metrics \d+, stored \d+.*\n.*error: Cannot list/s);
      const [name] = await readdir(scratch.at('state', 'runs'));
      const record = JSON.parse(await readFile(scratch.at('state', 'runs', name ?? ''), 'utf8'));
      assert.deepEqual([record.exitCode, record.summary.counts.stored], [12, puts]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

type OnEndedEarly = (summary: Summary) => void;
type Operation = readonly [
  command: Summary['command'],
  operate: (store: ObjectStore, onEndedEarly: OnEndedEarly) => Promise<unknown>,
  figure: Count,
];

/** Those that only read the bucket, so few metrics at once that some are done before the end of a listing. */
function operationsOn(scratch: Scratch): Operation[] {
  const few = { bytesInFlight: 2 ** 18 };
  return [
    ['restore', (store, onEndedEarly) => restoreTree(store, scratch.at('tree'), { ...few, onEndedEarly }), 'restored'],
    ['verify', (store, onEndedEarly) => verifyAll(store, { ...few, readData: true, onEndedEarly }), 'read'],
    [
      'drill',
      (store, onEndedEarly) =>
        drill(store, {
          ...few,
          report: silent,
          processes: 0,
          prefix: scratch.at('live'),
          scratch: scratch.at('scratch'),
          onEndedEarly,
        }),
      'restored',
    ],
  ];
}

const DENIED = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>';

/** Polls for some seconds at most. */
async function pollUntil(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !isTrue(); i++) await sleep(50);
}

/** Pages of a listing are passed on by some hundred objects. */
const MORE = Array.from({ length: 1200 }, (_, i) => `z${String(i).padStart(4, '0')}`);
const LETTERS = [...'abcdefghijkl'];
const KEYS = [...LETTERS, ...MORE].map((name) => `${name}/2026-11-22T03:14:15+00:00.${'0'.repeat(40)}.wsp.gz`);

/** A page of a listing; if it has keys, it is not the last. */
function listing(keys: readonly string[]): string {
  const about = '<Size>7</Size><LastModified>2026-11-22T03:14:15.000Z</LastModified><ETag>"x"</ETag>';
  const more =
    keys.length > 0 ? 'true</IsTruncated><NextContinuationToken>t</NextContinuationToken>' : 'false</IsTruncated>';
  const contents = keys.map((key) => `<Contents><Key>${encodeURIComponent(key)}</Key>${about}</Contents>`).join('');
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${more}${contents}</ListBucketResult>`;
}
