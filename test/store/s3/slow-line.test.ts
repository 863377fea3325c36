import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createS3Store } from '../../../lib/store/drivers/s3/s3.ts';

describe('S3 on a slow line', () => {
  it('has more time for a larger body, and no more than needed for a small one', async () => {
    const server = createServer((request, response) => {
      request.resume();
      request.on('end', () => setTimeout(() => response.end(), 1500));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const store = createS3Store({
      bucket: 'b',
      endpoint: `http://127.0.0.1:${port}`,
      // With region and keys there is nothing to load within the deadline.
      region: 'us-east-1',
      accessKeyId: 'a',
      secretAccessKey: 's',
      checksums: 'never',
      timeouts: { total: 0.2 },
    });
    try {
      await assert.rejects(store.put('small', new Uint8Array(10)), /no answer within 0\.2/);
      // A minute longer.
      await store.put('large', new Uint8Array(60 * 64 * 1024));
      await assert.rejects(store.get('small', { maxBytes: 10, expectedBytes: 10 }), /no answer within 0\.2/);
      const large = 60 * 64 * 1024;
      assert.equal((await store.get('large', { maxBytes: large, expectedBytes: large })).length, 0);
    } finally {
      await store.close();
      server.closeAllConnections();
      server.close();
    }
  });
});
