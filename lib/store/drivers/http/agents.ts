import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { createSecureContext } from 'node:tls';
import { type Proxies, proxyFinder } from './proxies.ts';
import { askProxy, tunnel } from './tunnel.ts';

export interface AgentOptions {
  /** PEM certificates of authorities to trust. @default those of the runtime */
  readonly ca?: string | readonly string[] | undefined;
  /** Seconds for connecting, with TLS and a proxy. */
  readonly connectTimeout: number;
  /** Maximum number of idle connections. @default 256 */
  readonly concurrency?: number;
  /** @default none */
  readonly proxies?: Proxies | undefined;
}

export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** How long an idle connection is kept: shorter than in servers, which would close it while a request is sent. */
const IDLE_SOCKET_MS = 4000;

/**
 * Creates the connection pools. Their timeouts are for each connection, since one for each request costs more.
 *
 * @throws InvalidOptionError if the URL of a proxy is invalid.
 */
export function createAgents({ ca, connectTimeout, concurrency = 256, proxies }: AgentOptions): Agents {
  // Requests must not wait for a socket within their deadline. The caller limits the number of concurrent requests.
  const sockets = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: concurrency };
  // Parsed once: the usual 145 authorities take 20 ms of processor time for each connection.
  const trust =
    ca === undefined ? {} : { secureContext: createSecureContext({ ca: typeof ca === 'string' ? ca : [...ca] }) };
  const http = new HttpAgent(sockets);
  const https = new HttpsAgent({ ...sockets, ...trust });
  const agents = { http: limit(http, connectTimeout, 'connect'), https: limit(https, connectTimeout, 'secureConnect') };
  if (proxies?.http !== undefined || proxies?.https !== undefined) {
    const find = proxyFinder(proxies);
    askProxy(agents.http, find);
    tunnel(agents.https, find, connectTimeout);
  }
  return agents;
}

/** Adds the limits for connecting and for idle connections. */
function limit<A extends HttpAgent>(agent: A, connectTimeout: number, connected: string): A {
  const connect = agent.createConnection.bind(agent);
  const keep = agent.keepSocketAlive.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  agent.createConnection = (...args) => {
    const socket = connect(...args);
    if (!socket) return socket;
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error(`no connection within ${connectTimeout} s`), { code: 'ETIMEDOUT' }));
    }, connectTimeout * 1000);
    const clear = () => clearTimeout(timer);
    socket.once(connected, clear);
    socket.once('close', clear);
    return socket;
  };
  // The agent closes a free socket at its timeout.
  agent.keepSocketAlive = (socket) => {
    if (socket instanceof Socket) socket.setTimeout(IDLE_SOCKET_MS);
    return keep(socket);
  };
  agent.reuseSocket = (socket, request) => {
    if (socket instanceof Socket) socket.setTimeout(0);
    reuse(socket, request);
  };
  return agent;
}
