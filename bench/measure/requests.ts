/**
 * Measures the client's processor time for a PUT and a GET of an object of 6 KB, by stage, against a server in another
 * process that answers at once. Each stage runs in a process of its own: the first 1,000 requests include loading the
 * code and compiling it, as in a thread of a nightly run. Prints a Markdown table in milliseconds per request.
 *
 *     node --import tsx bench/measure/requests.ts
 *     node_modules/.bin/deno run --allow-all bench/measure/requests.ts
 */
import { createHash } from 'node:crypto';
import { once, setMaxListeners } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { $, type ProcessPromise } from 'zx/core';

const BYTES = 6000;
const FIRST = 1000;
const MORE = 4000;
/** Calls under way in one thread. */
const CONCURRENCY = 8;
const KEYS = { accessKeyId: 'AKIDBENCH', secretAccessKey: 'secret' };

interface Calls {
  put(key: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

const body = new Uint8Array(BYTES).map((_, i) => (i * i) % 251);

/** What each stage adds to the one before it. */
const stages: Readonly<Record<string, (port: number) => Promise<Calls>>> = {
  'node:http': async (port) => bareCalls(port, () => ({})),
  'S3: SHA-256, MD5, signature': signedCalls,
  'S3: driver (errors, deadlines, checks)': async (port) => {
    const { createS3Store } = await import('../../lib/store/drivers/s3/s3.ts');
    return callsOf(createS3Store(s3Options(port)));
  },
  'S3: limit, retry, counts': (port) => decorated({ kind: 's3', options: s3Options(port) }),
  'S3: the same, by profile or instance': (port) => {
    const { region: _, ...options } = s3Options(port);
    return decorated({ kind: 's3', options });
  },
  'Swift: driver': async (port) => {
    const { createSwiftStore } = await import('../../lib/store/drivers/swift/swift.ts');
    return callsOf(createSwiftStore(swiftOptions(port)));
  },
  'Swift: limit, retry, counts': (port) => decorated({ kind: 'swift', options: swiftOptions(port) }),
};

const [role, ...args] = process.argv.slice(2);
if (role === 'server') await serve();
else if (role === 'stage') await measure(args[0] ?? '', Number(args[1]));
else await compare();

async function compare(): Promise<void> {
  const server = start('server');
  const port = await outputOf(server);
  console.log(`| ${process.versions['deno'] ? 'Deno' : 'Node'} | PUT: first 1,000 | then | GET: first 1,000 | then |`);
  console.log('|---|---:|---:|---:|---:|');
  for (const name of Object.keys(stages)) {
    if (role !== undefined && !name.includes(role)) continue;
    console.log(`| ${name} | ${await outputOf(start('stage', name, port))} |`);
  }
  await server.kill();
}

/** Prints the milliseconds per request: PUT first and then, GET first and then. */
async function measure(name: string, port: number): Promise<void> {
  const start = process.cpuUsage();
  const calls = await stages[name]?.(port);
  if (!calls) throw new Error(`no stage ${name}`);
  const row: number[] = [];
  let since = start;
  for (const call of [calls.put, calls.get]) {
    for (const count of [FIRST, MORE]) {
      await run(count, call);
      const { user, system } = process.cpuUsage(since);
      row.push((user + system) / 1000 / count);
      since = process.cpuUsage();
    }
  }
  console.log(row.map((milliseconds) => milliseconds.toFixed(3)).join(' | '));
  process.exit();
}

async function run(count: number, call: (key: string) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(`servers/web01/cpu${next++}/2026-11-22T03:14:15+00:00.${'ab'.repeat(20)}.wsp.gz`);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

function s3Options(port: number) {
  return { bucket: 'bench', endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', ...KEYS };
}

function swiftOptions(port: number) {
  const authUrl = `http://127.0.0.1:${port}/auth/v1.0`;
  return { container: 'bench', auth: { method: 'v1', authUrl, user: 'bench:bench', key: 'secret' } } as const;
}

async function decorated(place: import('../../lib/store/spec.ts').Place): Promise<Calls> {
  const { createStore } = await import('../../lib/store/spec.ts');
  const { createTraffic } = await import('../../lib/store/traffic.ts');
  const spec = { place, concurrency: CONCURRENCY, deadline: 600, traffic: createTraffic() };
  return callsOf(await createStore(spec, () => {}));
}

function callsOf(store: import('../../lib/store/store.ts').ObjectStore): Calls {
  // As in a run, all calls have the same signal, and as many listeners as there are calls.
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return {
    put: (key) => store.put(key, body, { signal }),
    get: (key) => store.get(key, { maxBytes: 100 * BYTES, expectedBytes: BYTES, signal }),
  };
}

async function signedCalls(port: number): Promise<Calls> {
  const { encodeKey, Signer } = await import('../../lib/store/drivers/s3/signature.ts');
  const signer = new Signer('us-east-1');
  return bareCalls(port, (method, key, sent) => {
    const md5 = sent.length > 0 ? { 'content-md5': createHash('md5').update(sent).digest('base64') } : {};
    const headers = { host: `127.0.0.1:${port}`, ...md5 };
    return signer.sign({ method, path: `/bench/${encodeKey(key)}`, headers, body: sent }, KEYS, Date.now());
  });
}

function bareCalls(
  port: number,
  headersOf: (method: string, key: string, sent: Uint8Array) => Readonly<Record<string, string>>,
): Calls {
  const agent = new Agent({ keepAlive: true });
  const send = (method: string, key: string, sent: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      const headers = { ...headersOf(method, key, sent), 'content-length': sent.length };
      const path = `/bench/${encodeURIComponent(key)}`;
      const sending = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
        response.on('data', () => {});
        response.on('end', resolve);
        response.on('error', reject);
      });
      sending.on('error', reject);
      sending.end(sent);
    });
  return { put: (key) => send('PUT', key, body), get: (key) => send('GET', key, new Uint8Array(0)) };
}

async function serve(): Promise<void> {
  const etag = createHash('md5').update(body).digest('hex');
  const server = createServer((asked, answer) => {
    asked.resume();
    asked.on('end', () => {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/v1/bench`;
      if (asked.url?.startsWith('/auth')) answer.writeHead(200, { 'x-storage-url': url, 'x-auth-token': 't' }).end();
      else if (asked.method === 'PUT') answer.writeHead(201, { 'content-length': 0, etag }).end();
      else answer.writeHead(200, { 'content-length': BYTES, etag }).end(body);
    });
  });
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}

/** Starts this file once more. */
function start(...args: string[]): ProcessPromise {
  const runtime = process.versions['deno'] ? ['run', '--allow-all', '--no-check', '--quiet'] : process.execArgv;
  const file = fileURLToPath(import.meta.url);
  const words = [process.execPath, ...runtime, file, ...args];
  return $({ quiet: true, nothrow: true, stdio: ['ignore', 'pipe', 'inherit'] })`exec ${words}`;
}

async function outputOf({ stdout }: ProcessPromise): Promise<string> {
  const [text] = await once(stdout.setEncoding('utf8'), 'data');
  return String(text).trim();
}
