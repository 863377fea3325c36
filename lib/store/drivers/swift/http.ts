/** One request as `fetch` takes it. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  readonly signal: AbortSignal;
}

/** The part of a `Response` that is used. */
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

/** Sends requests over connections of its own. */
export interface HttpClient {
  /** Like `fetch`; a redirect is handed back as it is, for the token must not follow it. */
  send(url: string, request: HttpRequest): Promise<HttpResponse>;
  /** Lets go of all connections; what is under way fails. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Certificates in PEM. */
  readonly caBundle: string | undefined;
  /** In seconds. */
  readonly connectTimeout: number;
}

/** For how long a connection is kept that nobody uses, in milliseconds: less than servers keep it. */
const IDLE_SOCKET = 4000;

/** The runtime's own `fetch` on Deno; on Node that of undici, which Node's is made of, with a pool of our own. */
export function createHttpClient(options: HttpClientOptions): Promise<HttpClient> {
  // Only the types of Node and the web are known here.
  const { Deno: deno } = globalThis as { Deno?: DenoHttp };
  return deno ? denoClient(deno, options) : undiciClient(options);
}

async function undiciClient({ caBundle, connectTimeout }: HttpClientOptions): Promise<HttpClient> {
  // By its default, which is all that a bundle of it has.
  const [
    {
      default: { Agent, fetch },
    },
    { rootCertificates },
  ] = await Promise.all([import('undici'), import('node:tls')]);
  const dispatcher = new Agent({
    connect: { timeout: connectTimeout * 1000, ...(caBundle !== undefined && { ca: [...rootCertificates, caBundle] }) },
    keepAliveTimeout: IDLE_SOCKET,
    // Deadlines are the caller's matter, for both runtimes.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    send: (url, request) => fetch(url, { ...request, redirect: 'manual', dispatcher }),
    close: () => dispatcher.destroy(),
  };
}

/** What is used of Deno's global. */
interface DenoHttp {
  createHttpClient(options: { caCerts?: string[]; poolIdleTimeout: number; http2: boolean }): DenoClient;
}

interface DenoClient {
  close(): void;
}

async function denoClient(deno: DenoHttp, { caBundle }: HttpClientOptions): Promise<HttpClient> {
  // HTTP/2 would put all requests on one connection, where one that stalls holds up all.
  const options = { http2: false, poolIdleTimeout: IDLE_SOCKET };
  const client = deno.createHttpClient({ ...options, ...(caBundle !== undefined && { caCerts: [caBundle] }) });
  return {
    send(url, request) {
      const init: RequestInit & { client: DenoClient } = { ...request, redirect: 'manual', client };
      return fetch(url, init);
    },
    close: async () => client.close(),
  };
}
