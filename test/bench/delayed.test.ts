import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { startDelayed } from '../../bench/src/network/delayed.ts';

describe('the delay proxy of the benchmark', () => {
  it('delays each round trip, passes everything on in order, and counts requests', async () => {
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.end(`${request.method} ${body.length} ${body.slice(-3)}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const delayed = await startDelayed('127.0.0.1', address.port, 60);
    try {
      const url = `http://127.0.0.1:${delayed.port}/`;
      const body = `${'x'.repeat(300_000)}end`;
      const began = performance.now();
      assert.equal(await (await fetch(url, { method: 'PUT', body })).text(), 'PUT 300003 end');
      assert.equal(await (await fetch(url)).text(), 'GET 0 ');
      assert.ok(performance.now() - began >= 118, 'two round trips of 60 ms');
      assert.equal(await delayed.take(), 2);
      assert.equal(await delayed.take(), 0);
    } finally {
      await delayed.stop();
      server.closeAllConnections();
      server.close();
    }
  });
});
