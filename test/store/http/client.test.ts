import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { createAgents } from '../../../lib/store/drivers/http/agents.ts';
import { type Exchange, HttpClient, originOf } from '../../../lib/store/drivers/http/client.ts';
import { TooLargeError, TransientError } from '../../../lib/store/errors.ts';
import { text } from '../collect.ts';

type Limits = { readonly idle?: number; readonly total?: number; readonly connectTimeout?: number };

/** Runs a test with a client, and a server on loopback. */
async function withServer(
  server: Server,
  test: (client: HttpClient, exchange: Exchange) => Promise<void>,
  { idle = 20, total = 20, connectTimeout = 20 }: Limits = {},
  url = 'http://127.0.0.1',
): Promise<void> {
  await once(server.listen(0, new URL(url).hostname.replace(/^\[|\]$/g, '')), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient({ agents: createAgents({ connectTimeout }), idle, total });
  const origin = originOf(new URL(`${url}:${port}`));
  const exchange = { method: 'GET', origin, path: '/', headers: {}, maxBytes: 1000, doing: 'ask', signal: undefined };
  try {
    await test(client, exchange as Exchange);
  } finally {
    client.close(new Error('closed'));
    server.close();
  }
}

const answering = (listener: RequestListener) => createServer(listener);
const hello = () => answering((_request, response) => response.end('hello'));

describe('the HTTP client', () => {
  it('keeps its connection for the next request', () => {
    const ports = new Set<number | undefined>();
    const server = answering((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('hello');
    });
    return withServer(server, async (client, exchange) => {
      for (let i = 0; i < 5; i++) assert.equal(text((await client.send(exchange)).body), 'hello');
      assert.equal(ports.size, 1);
    });
  });

  it('sends path, headers and body unchanged', () => {
    const server = answering(async (request, response) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { url, headers } = request;
      response.end(JSON.stringify([url, headers['x-a'], headers['content-length'], Buffer.concat(chunks).toString()]));
    });
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(65);
    const bodies: readonly [Uint8Array | string | undefined, string | null, string][] = [
      ['text', '4', 'text'],
      [new Uint8Array([66]), '1', 'B'],
      [shared, '3', 'AAA'],
      [undefined, '0', ''],
    ];
    return withServer(server, async (client, exchange) => {
      for (const [body, length, received] of bodies) {
        const path = '/a/../b//%2e%2E?c=d';
        const answer = await client.send({ ...exchange, method: 'PUT', path, headers: { 'x-a': 'b' }, body });
        assert.deepEqual(JSON.parse(text(answer.body)), [path, 'b', length, received]);
      }
    });
  });

  it('reaches an IPv6 address', () =>
    withServer(
      hello(),
      async (client, exchange) => assert.equal((await client.send(exchange)).status, 200),
      {},
      'http://[::1]',
    ));

  it('leaves no listener on the signal of a run, however a request ends', () =>
    withServer(
      answering((request, response) => {
        if (request.url === '/reset') request.socket.destroy();
        else response.end('hello');
      }),
      async (client, exchange) => {
        const { signal } = new AbortController();
        await client.send({ ...exchange, signal });
        await assert.rejects(client.send({ ...exchange, maxBytes: 1, signal }), TooLargeError);
        await assert.rejects(client.send({ ...exchange, path: '/reset', signal }));
        await assert.rejects(client.send({ ...exchange, path: '/not a path', signal }));
        assert.equal(getEventListeners(signal, 'abort').length, 0);
      },
    ));

  it('ends each of many requests at its own deadline', () =>
    withServer(
      answering((request, response) => {
        if (request.url !== '/silent') setTimeout(() => response.end('hello'), 1000);
      }),
      async (client, exchange) => {
        const began = performance.now();
        const large = 8 * 60 * 64 * 1024;
        const patient = { ...exchange, expectedBytes: large, maxBytes: large };
        const [late, ...silent] = await Promise.allSettled([
          client.send(patient),
          client.send({ ...exchange, path: '/silent' }),
          client.send({ ...exchange, path: '/silent' }),
        ]);
        assert.equal(late.status, 'fulfilled');
        for (const one of silent) {
          assert.ok(one.status === 'rejected' && one.reason instanceof TransientError);
          assert.equal(one.reason.message, 'Cannot ask: no answer within 0.3 s');
        }
        assert.ok(performance.now() - began < 10_000);
      },
      { total: 0.3 },
    ));

  it('does not wait for a connection for ever', () =>
    withServer(
      // It accepts, but does not greet.
      createTcpServer((socket) => socket.on('error', () => {})),
      async (client, exchange) => {
        await assert.rejects(client.send({ ...exchange, origin: { ...exchange.origin, secure: true } }), {
          message: 'no connection within 0.2 s',
          code: 'ETIMEDOUT',
        });
      },
      { connectTimeout: 0.2 },
    ));

  it('aborts its requests when it is closed', () =>
    withServer(
      answering(() => {}),
      async (client, exchange) => {
        const reason = new Error('enough');
        const ended = assert.rejects(client.send(exchange), reason);
        client.close(reason);
        await ended;
      },
    ));
});
