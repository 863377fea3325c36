export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  readonly signal: AbortSignal;
}

/** The used part of a `Response`. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): BodyReader } | null;
}

interface BodyReader {
  read(): Promise<
    { readonly done: true; readonly value?: unknown } | { readonly done: false; readonly value: Uint8Array }
  >;
  cancel(): Promise<void>;
}

export interface HttpClient {
  /** Like `fetch`, but does not follow redirects, which must not receive the token. */
  send(url: string, request: HttpRequest): Promise<HttpResponse>;
  /** Closes all connections. Running requests fail. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly caBundle: string | undefined;
  /** Seconds. */
  readonly connectTimeout: number;
}

/** How long an idle connection is kept: shorter than in servers. */
const IDLE_SOCKET_MS = 4000;

/** Uses the runtime's own `fetch` on Deno, and that of undici on Node, each with our own connection pool. */
export function createHttpClient(options: HttpClientOptions): Promise<HttpClient> {
  // The types of Deno are not installed.
  const { Deno: deno } = globalThis as { Deno?: DenoHttp };
  return deno ? denoClient(deno, options) : undiciClient(options);
}

async function undiciClient({ caBundle, connectTimeout }: HttpClientOptions): Promise<HttpClient> {
  // Uses the default export, because a bundle has no other.
  const [
    {
      default: { Agent, fetch },
    },
    { rootCertificates },
  ] = await Promise.all([import('undici'), import('node:tls')]);
  const dispatcher = new Agent({
    connect: { timeout: connectTimeout * 1000, ...(caBundle !== undefined && { ca: [...rootCertificates, caBundle] }) },
    keepAliveTimeout: IDLE_SOCKET_MS,
    // The caller has its own deadlines, for both runtimes.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    send: (url, request) => fetch(url, { ...request, redirect: 'manual', dispatcher }),
    close: () => dispatcher.destroy(),
  };
}

/** The used part of Deno's global. */
interface DenoHttp {
  createHttpClient(options: { caCerts?: string[]; poolIdleTimeout: number; http2: boolean }): DenoClient;
}

interface DenoClient {
  close(): void;
}

async function denoClient(deno: DenoHttp, { caBundle }: HttpClientOptions): Promise<HttpClient> {
  // HTTP/2 would use one connection for all requests, so that one stalled request would block all.
  const options = { http2: false, poolIdleTimeout: IDLE_SOCKET_MS };
  const client = deno.createHttpClient({ ...options, ...(caBundle !== undefined && { caCerts: [caBundle] }) });
  return {
    send(url, request) {
      const init: RequestInit & { client: DenoClient } = { ...request, redirect: 'manual', client };
      return fetch(url, init);
    },
    close: async () => client.close(),
  };
}
