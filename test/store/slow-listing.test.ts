import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { createS3Store } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import { TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { startFakeSwift } from './swift/fake-swift.ts';

/** In seconds. A page takes longer, and none of its parts does, even on a busy machine. */
const DEADLINE = 5;
const PARTS = 24;
const PART_MS = 300;

const time = '2026-11-22T03:14:15.000';
const s3Page = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>a</Key><LastModified>${time}Z</LastModified><Size>1</Size></Contents></ListBucketResult>`;
const swiftPage = JSON.stringify([{ name: 'a', bytes: 1, hash: '0'.repeat(32), last_modified: time }]);

/** Sends a page in parts, and stops after so many of them without an end. */
async function trickle(response: ServerResponse, page: string, parts: number): Promise<void> {
  response.writeHead(200, { 'content-length': String(page.length) });
  const size = Math.ceil(page.length / PARTS);
  for (let i = 0; i < parts; i++) {
    response.write(page.slice(i * size, (i + 1) * size));
    await sleep(PART_MS);
  }
  if (parts === PARTS) response.end();
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  // Loads what it needs, logs in and connects, which is not to count.
  await store.clock();
  const keys: string[] = [];
  for await (const { key } of withRetry(store, { retryFor: 0, deadline: DEADLINE }).list()) keys.push(key);
  return keys;
}

const stores = {
  async S3(parts: number, test: (store: ObjectStore) => Promise<void>): Promise<void> {
    const server: Server = createServer(({ url = '' }, response) => {
      if (url.includes('max-keys=1')) response.end(s3Page);
      else void trickle(response, s3Page, parts);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    const store = createS3Store({ bucket: 'b', endpoint, accessKeyId: 'a', secretAccessKey: 's' });
    try {
      await test(store);
    } finally {
      await store.close();
      server.closeAllConnections();
      server.close();
    }
  },
  async Swift(parts: number, test: (store: ObjectStore) => Promise<void>): Promise<void> {
    await using fake = await startFakeSwift(({ url }, response) => {
      if (!url.includes('format=json') || /marker=|limit=1(&|$)/.test(url)) return { status: 200, body: '[]' };
      void trickle(response, swiftPage, parts);
      return 'handled';
    });
    const store = createSwiftStore(fake.options);
    try {
      await test(store);
    } finally {
      await store.close();
    }
  },
};

for (const [name, withStore] of Object.entries(stores)) {
  describe(`a page of a listing from ${name} on a slow line`, { concurrency: true }, () => {
    it('may take longer than the deadline, while it arrives', () =>
      withStore(PARTS, async (store) => {
        assert.deepEqual(await keysOf(store), ['a']);
      }));

    it('is aborted at the deadline if nothing arrives any more', () =>
      withStore(2, async (store) => {
        await assert.rejects(keysOf(store), (error) => {
          assert.ok(error instanceof TransientError);
          assert.match(error.message, /no answer within 5 s/);
          return true;
        });
      }));
  });
}
