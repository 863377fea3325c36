import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createScratch } from '../fixtures/scratch.ts';
import { freePort } from './free-port.ts';

/** A real Ceph radosgw: an object store with two APIs. It ends with the process that started it. */
export interface Radosgw {
  readonly s3: {
    readonly endpoint: string;
    /** The same by TLS, with a certificate signed by `caBundle`. */
    readonly tlsEndpoint: string;
    readonly caBundle: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** Another user, who may not see the buckets of the first. */
    readonly other: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** Swift, authentication v1. */
  readonly swift: { readonly auth: string; readonly user: string; readonly key: string };
  /** Kills the gateway with -9. What was stored stays. */
  kill(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface RadosgwOptions {
  /** Where it listens. @default 127.0.0.1 */
  readonly address?: string;
  /** A command prefix to run it elsewhere, e.g. in another network namespace. @default none */
  readonly within?: readonly string[];
}

/** Starts a gateway with buckets in memory; takes about 12 s. */
export async function startRadosgw({ address = '127.0.0.1', within = [] }: RadosgwOptions = {}): Promise<Radosgw> {
  const scratch = await createScratch();
  const ports = [await freePort(), await freePort(), await freePort()];
  const script = fileURLToPath(new URL('radosgw.sh', import.meta.url));
  const [program = '', ...args] = [...within, script, scratch.path, address, ...ports.map(String)];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();

  const expect = async (expected: string) => {
    const { value } = await lines.next();
    if (value !== expected) throw new Error(`radosgw did not get ${expected}: ${value ?? ''} ${said}`);
  };
  const tell = async (command: string) => {
    child.stdin.write(`${command}\n`);
    await expect('done');
  };
  const stop = async () => {
    child.stdin.end();
    await ended;
    await scratch[Symbol.asyncDispose]();
  };

  try {
    await expect('ready');
  } catch (error) {
    await stop();
    throw error;
  }
  const endpoint = `http://${address}:${ports[0]}`;
  return {
    s3: {
      endpoint,
      tlsEndpoint: `https://${address}:${ports[1]}`,
      caBundle: scratch.at('ca.pem'),
      accessKeyId: 'testkey',
      secretAccessKey: 'testsecret',
      other: { accessKeyId: 'otherkey', secretAccessKey: 'othersecret' },
    },
    swift: { auth: `${endpoint}/auth/v1.0`, user: 'test:swift', key: 'testing' },
    kill: () => tell('kill'),
    start: () => tell('start'),
    stop,
  };
}
