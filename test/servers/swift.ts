import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../hosts/command.ts';
import { freePorts } from './free-port.ts';
import { startPython } from './python-server.ts';
import { type SwiftSettings, swiftConfiguration } from './swift/configuration.ts';

/** A real OpenStack Swift on loopback: its own API, and S3's through s3api (region us-east-1), on one port. */
export interface Swift {
  /** E.g. `http://127.0.0.1:8080`, which is also the S3 endpoint. */
  readonly url: string;
  /** Auth v1, without Keystone: also the access key and secret of S3. */
  readonly v1: { readonly authUrl: string; readonly user: string; readonly key: string };
  /** Adds rows to the listing of a container, as if empty objects had been put: thousands in a moment. */
  addRows(account: string, container: string, keys: readonly string[]): Promise<void>;
  /** Makes it forget every token, its own and those of Keystone that it has seen. */
  forgetTokens(): Promise<void>;
  /** Kills the proxy server, which all requests go to, with -9. What was stored stays. */
  kill(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartSwiftOptions extends SwiftSettings {
  /** Where the proxy listens. @default any port */
  readonly port?: number;
}

/** Starts Debian's Swift below a scratch directory, on a file system with user xattrs. */
export async function startSwift(directory: string, { port, ...settings }: StartSwiftOptions = {}): Promise<Swift> {
  const [memcached = 0, account = 0, container = 0, object = 0, free = 0] = await freePorts(5);
  const ports = { memcached, account, container, object, proxy: port ?? free };
  const etc = join(directory, 'etc');
  await mkdir(etc, { recursive: true });
  await mkdir(join(directory, 'node', 'd1'), { recursive: true });
  for (const [name, text] of Object.entries(swiftConfiguration(directory, ports, settings))) {
    await writeFile(join(etc, name), text);
  }
  const listed = [memcached, account, container, object, ports.proxy].map(String);
  const server = await startPython(
    new URL('swift/serve.py', import.meta.url),
    [directory, ...listed],
    join(directory, 'swift.log'),
  );
  const url = `http://127.0.0.1:${ports.proxy}`;
  return {
    url,
    v1: { authUrl: `${url}/auth/v1.0`, user: 'test:tester', key: 'testing' },
    addRows: (account, container, keys) => addRows([directory, account, container], keys),
    forgetTokens: () => flushMemcached(memcached),
    kill: () => server.tell('kill'),
    start: () => server.tell('start'),
    stop: () => server.stop(),
  };
}

async function addRows(args: readonly string[], keys: readonly string[]): Promise<void> {
  const command = ['/usr/bin/python3', fileURLToPath(new URL('swift/rows.py', import.meta.url)), ...args];
  const { code, stderr } = await runCommand(command, { input: JSON.stringify(keys) });
  if (code !== 0) throw new Error(stderr);
}

async function flushMemcached(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('error', reject);
  });
  socket.write('flush_all\r\n');
  const told = await answer;
  socket.destroy();
  if (told !== 'OK\r\n') throw new Error(`memcached answers ${told}`);
}
