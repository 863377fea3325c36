import { type ClientRequest, type Agent as HttpAgent, request } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { type FindProxy, ProxyError, type ProxyServer } from './proxies.ts';

interface Target {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

/** What agents have on Node and Deno, but not in the types: a request calls it to get a connection. */
interface Requestable {
  addRequest(request: ClientRequest, options: Target): void;
}

/** Makes an agent send its requests to the proxy, with the whole URL (RFC 9112, section 3.2.2). */
export function askProxy(agent: HttpAgent, find: FindProxy): void {
  const requestable = agent as HttpAgent & Requestable;
  const add = requestable.addRequest.bind(agent);
  requestable.addRequest = (request, options) => {
    const { host, port } = targetOf(options, 80);
    const proxy = find(false, host, port);
    if (!proxy) return add(request, options);
    // Without the usual port, as in the header Host, which is signed and which the proxy may replace by this.
    request.path = `http://${authority(host, port).replace(/:80$/, '')}${request.path}`;
    nameProxy(request, proxy);
    if (proxy.authorization !== undefined) request.setHeader('proxy-authorization', proxy.authorization);
    return add(request, { ...options, host: proxy.host, port: proxy.port });
  };
}

/** Makes a request fail with an error that names the proxy, if that cannot be reached: otherwise it looks like the store. */
function nameProxy(request: ClientRequest, proxy: ProxyServer): void {
  const emit: (event: string | symbol, ...args: unknown[]) => boolean = request.emit.bind(request);
  request.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    const [error] = args;
    const isUnreachable = event === 'error' && UNREACHABLE.has(systemCallOf(error));
    return isUnreachable ? emit(event, ProxyError.unreachable(proxy.name, 'HTTP_PROXY', error)) : emit(event, ...args);
  };
}

const UNREACHABLE: ReadonlySet<unknown> = new Set(['connect', 'getaddrinfo']);

function systemCallOf(error: unknown): unknown {
  return error instanceof Error && 'syscall' in error ? error.syscall : undefined;
}

/** Makes an agent connect through tunnels of the proxy (RFC 9110, section 9.3.6). */
export function tunnel(agent: HttpsAgent, find: FindProxy, timeout: number): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const { host, port } = targetOf(options, 443);
    const proxy = find(true, host, port);
    if (!proxy) return connect(options, callback);
    const done = callback as ((error: Error | null, socket?: Duplex | null) => void) | undefined;
    openTunnel(proxy, authority(host, port), timeout).then(
      (socket) => done?.(null, connect({ ...options, socket } as typeof options)),
      (error) => done?.(error),
    );
    return undefined;
  };
}

/** @throws ProxyError if the proxy cannot be reached or refuses. */
function openTunnel(proxy: ProxyServer, target: string, timeout: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const { host, port, name, authorization } = proxy;
    const login = authorization === undefined ? {} : { 'proxy-authorization': authorization };
    const headers = { host: target, ...login };
    const asking = request({ host, port, method: 'CONNECT', path: target, headers, agent: false });
    const timer = setTimeout(() => asking.destroy(new Error(`no answer within ${timeout} s`)), timeout * 1000);
    const fail = (error: ProxyError) => {
      clearTimeout(timer);
      reject(error);
    };
    asking.once('connect', ({ statusCode = 0 }, socket) => {
      clearTimeout(timer);
      if (statusCode >= 200 && statusCode < 300) return resolve(socket);
      socket.destroy();
      return reject(ProxyError.refused(name, target, statusCode));
    });
    // A proxy may answer a refusal like any other request.
    asking.once('response', (response) => {
      response.destroy();
      fail(ProxyError.refused(name, target, response.statusCode ?? 0));
    });
    asking.once('error', (error) => fail(ProxyError.unreachable(name, 'HTTPS_PROXY', error)));
    asking.end();
  });
}

function targetOf({ host, port }: Target, usual: number): { readonly host: string; readonly port: number } {
  return { host: host ?? 'localhost', port: Number(port) || usual };
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
