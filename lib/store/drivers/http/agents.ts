import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { clearTimeout, setTimeout } from 'node:timers';

export interface AgentOptions {
  /** PEM certificates of authorities to trust. @default those of the runtime */
  readonly ca?: string | readonly string[] | undefined;
  /** Seconds for connecting, with TLS. */
  readonly connectTimeout: number;
  /** Maximum number of idle connections. @default 256 */
  readonly concurrency?: number;
}

export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** How long an idle connection is kept: shorter than in servers, which would close it while a request is sent. */
const IDLE_SOCKET_MS = 4000;

/** Creates the connection pools. Their timeouts are for each connection, since one for each request costs more. */
export function createAgents({ ca, connectTimeout, concurrency = 256 }: AgentOptions): Agents {
  // Requests must not wait for a socket within their deadline. The caller limits the number of concurrent requests.
  const sockets = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: concurrency };
  const authorities = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] };
  return {
    http: limit(new HttpAgent(sockets), connectTimeout, 'connect'),
    https: limit(new HttpsAgent({ ...sockets, ...authorities }), connectTimeout, 'secureConnect'),
  };
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
    if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(IDLE_SOCKET_MS);
    return keep(socket);
  };
  agent.reuseSocket = (socket, request) => {
    if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(0);
    reuse(socket, request);
  };
  return agent;
}
