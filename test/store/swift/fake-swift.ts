import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { SwiftStoreOptions } from '../../../lib/store/drivers/swift/swift.ts';

/** A request as the fake has it, whole. */
export interface Asked {
  readonly method: string;
  /** As it came, with its query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What to answer; without a status, whatever is right to do with the response itself, even nothing. */
export interface Said {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export type Behaviour = (asked: Asked, response: ServerResponse) => Said | 'handled';

/** A server that speaks auth v1, and otherwise answers as a test wants it: for what a real Swift does too seldom. */
export interface FakeSwift extends AsyncDisposable {
  readonly url: string;
  /** All but logins. */
  readonly requests: readonly Asked[];
  readonly logins: number;
  /** For a store that has this server for its account. */
  readonly options: SwiftStoreOptions;
  /** What it does with requests to the account; of a token that has ended, say 401. */
  behaviour: Behaviour;
  /** What it does with logins. @default a new token each */
  login: Behaviour;
}

export async function startFakeSwift(behaviour: Behaviour = () => ({ status: 204 })): Promise<FakeSwift> {
  const requests: Asked[] = [];
  let logins = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { method = '', url = '', headers } = request;
    const asked = { method, url, headers, body: Buffer.concat(chunks) };
    const login = url.startsWith('/auth');
    if (login) logins++;
    else requests.push(asked);
    const said = (login ? fake.login : fake.behaviour)(asked, response);
    if (said === 'handled') return;
    response.writeHead(said.status, said.headers);
    response.end(said.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  const fake: FakeSwift = {
    url,
    requests,
    get logins() {
      return logins;
    },
    options: {
      container: 'bucket',
      auth: { method: 'v1', authUrl: `${url}/auth/v1.0`, user: 'test:tester', key: 'the-Key' },
    },
    behaviour,
    login: () => ({
      status: 200,
      headers: { 'x-storage-url': `${url}/v1/AUTH_test`, 'x-auth-token': `the-Token-${logins}` },
    }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}
