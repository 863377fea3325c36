import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** A request as the proxy saw it, its body read whole. */
export interface Seen {
  readonly method: string;
  /** Path and query, as they stood in the request. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** What a test makes of a request: `forward` passes it on, and resolves once the answer of the server is through. */
export type Treat = (seen: Seen, answer: ServerResponse, forward: () => Promise<void>) => unknown;

/** A proxy on loopback that counts requests, and answers in the place of the server where a test wants it. */
export interface HttpProxy {
  readonly url: string;
  /** All so far. */
  readonly seen: Seen[];
  /** Requests go to it first. */
  treat: Treat;
  /** Method and operation of each request since the last call: `GET list`, `PUT object`. */
  take(): string[];
  stop(): Promise<void>;
}

/** @param target the server's origin; without one every request has to be answered by `treat`. */
export async function startProxy(target = 'http://127.0.0.1:1'): Promise<HttpProxy> {
  const { hostname, port } = new URL(target);
  let taken = 0;
  const server = createServer(async (incoming, answer) => {
    const seen = await readRequest(incoming).catch(() => undefined);
    // The client aborted, as intended by a test.
    if (!seen) return;
    proxy.seen.push(seen);
    const forward = () =>
      new Promise<void>((resolve) => {
        const { method, url: path, headers, body } = seen;
        const onward = request({ hostname, port, method, path, headers }, (response) => {
          answer.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(answer).on('close', resolve);
        });
        onward.on('error', () => answer.destroy());
        onward.end(body);
      });
    await proxy.treat(seen, answer, forward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${address.port}`,
    seen: [],
    treat: (_seen, _answer, forward) => forward(),
    take() {
      const since = proxy.seen.slice(taken);
      taken = proxy.seen.length;
      return since.map(operationOf);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function readRequest(incoming: IncomingMessage): Promise<Seen> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return {
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    headers: incoming.headers,
    body: Buffer.concat(chunks),
  };
}

function operationOf({ method, url }: Seen): string {
  const { pathname, searchParams } = new URL(url, 'http://proxy');
  if (searchParams.has('list-type')) return `${method} list`;
  if (searchParams.has('delete')) return `${method} delete`;
  return `${method} ${/^\/[^/]+\/?$/.test(pathname) ? 'bucket' : 'object'}`;
}
