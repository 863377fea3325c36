import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** A forward proxy on loopback, as companies have them between their hosts and the world. */
export interface ForwardProxy extends AsyncDisposable {
  /** With user and password, if it asks for them. */
  readonly url: string;
  /** `CONNECT host:port`, or method and whole URL, of each request. */
  readonly seen: readonly string[];
}

/** @param login `user:password` that it asks for. @default nobody has to log in */
export async function startForwardProxy(login?: string): Promise<ForwardProxy> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  const server = createServer((asked, answer) => {
    seen.push(`${asked.method} ${asked.url}`);
    const { 'proxy-authorization': given, ...headers } = asked.headers;
    if (given !== wanted) return answer.writeHead(407, { 'proxy-authenticate': 'Basic' }).end('Who are you?');
    const { host, hostname, port } = new URL(asked.url ?? '');
    // As it stands, since a URL has no `..` any more.
    const path = (asked.url ?? '').replace(`http://${host}`, '');
    const { method = '' } = asked;
    const onward = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.writeHead(502).end());
    return asked.pipe(onward);
  });
  server.on('connect', ({ url = '', headers }, socket: Socket) => {
    seen.push(`CONNECT ${url}`);
    sockets.add(socket);
    socket.on('error', () => {});
    if (headers['proxy-authorization'] !== wanted) return socket.end('HTTP/1.1 407 Who are you?\r\n\r\n');
    const target = new URL(`http://${url}`);
    const onward = connect(Number(target.port), target.hostname.replace(/^\[|\]$/g, ''));
    sockets.add(onward);
    onward.on('connect', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.end('HTTP/1.1 502 Not there\r\n\r\n'));
    return onward;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://${login === undefined ? '' : `${login}@`}127.0.0.1:${address.port}`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
