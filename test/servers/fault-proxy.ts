import { request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RawRequest, readRequests } from './raw-request.ts';

/** The fault. */
export type Fault =
  /** The proxy answers in the place of the server. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is reset, before the request reaches the server or after the server has processed it. */
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** The response stalls, at once or after that many bytes of its body. */
  | { readonly kind: 'stall'; readonly after?: number }
  /** The connection ends after that many bytes of the response's body, closed or reset. */
  | { readonly kind: 'cut'; readonly after: number; readonly how: 'end' | 'reset' }
  /** The answer's body has so many bytes, and its Content-Length says the same. */
  | { readonly kind: 'shorten'; readonly to: number }
  /** One byte of the body is another. */
  | { readonly kind: 'flip'; readonly of: 'request' | 'answer'; readonly at: number }
  /** A header of the answer is another. */
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  /** The response is sent slowly. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number };

/** Which requests a fault is for. */
export interface Match {
  readonly method?: string;
  /** Matches path and query of the request. */
  readonly url?: RegExp;
  /** Not the first so many of them. @default 0 */
  readonly after?: number;
  /** So many of them, then no more. @default always */
  readonly times?: number;
}

/** A fault in place. */
export interface Injected {
  /** How many requests met it. */
  readonly hits: number;
  /** Takes it away. */
  heal(): void;
}

/** A proxy on loopback between a client and an HTTP server that simulates network faults. */
export interface FaultProxy {
  readonly url: string;
  /** The server's origin. */
  readonly target: string;
  /** `GET /bucket/key` of every request. */
  readonly seen: readonly string[];
  /** Puts a fault in the way of requests. Of several that match, the first that was put there acts. */
  inject(fault: Fault, match?: Match): Injected;
  /** Removes all faults, and clears the requests. */
  heal(): void;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

interface Rule extends Match {
  readonly fault: Fault;
  /** How many requests went by before it acted. */
  passed: number;
  hits: number;
  heal(): void;
}

/** @param target the server's origin. @param port of the proxy; 0 is any. */
export async function startFaultProxy(target: string, port = 0): Promise<FaultProxy> {
  let rules: Rule[] = [];
  let seen: string[] = [];
  const sockets = new Set<Socket>();

  const serve = async (socket: Socket) => {
    for await (const asked of readRequests(socket)) {
      seen.push(`${asked.method} ${asked.url}`);
      const rule = rules.find((rule) => acts(rule, asked));
      if (rule) rule.hits++;
      if ((await treat(socket, asked, rule?.fault, target)) === 'last') return;
    }
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    // The connection of the client breaks, as with a failing proxy.
    serve(socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    target,
    get seen() {
      return seen;
    },
    inject(fault, match = {}) {
      const rule: Rule = {
        ...match,
        fault,
        passed: 0,
        hits: 0,
        heal() {
          rules = rules.filter((one) => one !== rule);
        },
      };
      rules.push(rule);
      return rule;
    },
    heal() {
      rules = [];
      seen = [];
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Counts a matching request, and returns whether the fault applies to it. */
function acts(rule: Rule, asked: RawRequest): boolean {
  const { method, url, after = 0, times = Number.POSITIVE_INFINITY } = rule;
  const matches = rule.hits < times && (method ?? asked.method) === asked.method && (url?.test(asked.url) ?? true);
  return matches && ++rule.passed > after;
}

/** Answers one request. @returns whether the connection is of no use afterwards. */
async function treat(
  socket: Socket,
  asked: RawRequest,
  fault: Fault | undefined,
  target: string,
): Promise<'last' | 'more'> {
  if (fault?.kind === 'answer') {
    const headers = Object.entries({ 'Content-Type': 'text/plain', ...fault.headers }).flat();
    await write(socket, headOf({ status: fault.status, headers, body: new Uint8Array(0) }, 0));
    return 'more';
  }
  if (fault?.kind === 'reset' && fault.when === 'before') return reset(socket);
  if (fault?.kind === 'stall' && fault.after === undefined) return stall(socket);
  const flipped = fault?.kind === 'flip' && fault.of === 'request';
  const answer = await forward(flipped ? { ...asked, body: flip(asked.body, fault.at) } : asked, target);
  const { body } = answer;
  const bodiless = asked.method === 'HEAD' || answer.status === 204 || answer.status === 304;
  const length = bodiless ? undefined : body.length;
  const head = headOf(answer, length);
  switch (fault?.kind) {
    case 'reset':
      return reset(socket);
    case 'stall':
      await write(socket, head, body.subarray(0, fault.after));
      return stall(socket);
    case 'cut':
      await write(socket, head, body.subarray(0, fault.after));
      if (fault.how === 'reset') {
        // The client has then read the head, and only the body is missing.
        await sleep(20);
        return reset(socket);
      }
      socket.end();
      return 'last';
    case 'shorten': {
      const short = body.subarray(0, fault.to);
      await write(socket, headOf(answer, short.length), short);
      return 'more';
    }
    case 'flip':
      await write(socket, head, fault.of === 'answer' ? flip(body, fault.at) : body);
      return 'more';
    case 'header':
      await write(
        socket,
        headOf({ ...answer, headers: [...without(answer, fault.name), fault.name, fault.value] }, length),
        body,
      );
      return 'more';
    case 'slow': {
      await write(socket, head);
      const step = Math.max(1, Math.ceil(fault.bytesPerSecond / 20));
      for (let at = 0; at < body.length && !socket.destroyed; at += step) {
        await write(socket, body.subarray(at, at + step));
        await sleep(50);
      }
      return 'more';
    }
    default:
      await write(socket, head, body);
      return 'more';
  }
}

/** The server's answer, whole. */
function forward({ method, url, headers, body }: RawRequest, target: string): Promise<Answer> {
  const { hostname, port } = new URL(target);
  return new Promise((resolve, reject) => {
    // The Host of the client stays, for it is signed, and makes the server's own links lead here.
    const onward = request({ hostname, port, method, path: url, headers, agent: false }, async (response) => {
      try {
        const chunks: Uint8Array[] = [];
        for await (const chunk of response) chunks.push(chunk);
        const ends = /^(content-length|transfer-encoding|connection|keep-alive)$/i;
        const names = response.rawHeaders.filter((_, i, all) => !ends.test(all[i - (i % 2)] ?? ''));
        resolve({ status: response.statusCode ?? 502, headers: names, body: Buffer.concat(chunks) });
      } catch (error) {
        reject(error);
      }
    });
    onward.on('error', reject);
    onward.end(body);
  });
}

/** Its headers but one. */
function without({ headers }: Answer, name: string): string[] {
  return headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== name.toLowerCase());
}

function headOf({ status, headers }: Answer, length: number | undefined): Uint8Array {
  const lines = [`HTTP/1.1 ${status} Answer`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  if (length !== undefined) lines.push(`Content-Length: ${length}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

async function write(socket: Socket, ...parts: readonly Uint8Array[]): Promise<void> {
  const bytes = Buffer.concat(parts);
  if (bytes.length > 0) await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
}

function flip(body: Uint8Array, at: number): Uint8Array {
  return body.map((byte, i) => (i === at ? byte ^ 0xff : byte));
}

function reset(socket: Socket): 'last' {
  socket.resetAndDestroy();
  return 'last';
}

/** Waits until the client disconnects. */
async function stall(socket: Socket): Promise<'last'> {
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
  return 'last';
}
