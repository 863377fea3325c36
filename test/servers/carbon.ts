import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** A real carbon-cache on loopback, ended by its pid. */
export interface Carbon {
  /** Where it keeps its Whisper files. */
  readonly prefix: string;
  /** `host:port` of its plaintext listener. */
  readonly address: string;
  /** Sends points by the plaintext protocol. */
  send(points: readonly { metric: string; value: number; timestamp: number }[]): Promise<void>;
  stop(): Promise<void>;
}

export interface CarbonOptions {
  /** Of all metrics, unless there are `schemas`. */
  readonly retentions: string;
  /** The content of storage-schemas.conf. @default one section for all metrics */
  readonly schemas?: string;
  /** The content of storage-aggregation.conf. @default none: average, xFilesFactor 0.5 */
  readonly aggregation?: string;
  /**
   * Seconds between its check whether a file exists and the creation, normally microseconds. With it, its writer waits 10 ms
   * instead of a second if there is nothing to write.
   */
  readonly hesitation?: number;
  /** How many files it updates in a second: fewer than it gets points for, and they wait in its cache. @default no limit */
  readonly updatesPerSecond?: number;
}

/** Starts Debian's carbon-cache below a scratch directory, locking its files while it writes. */
export async function startCarbon(directory: string, options: CarbonOptions): Promise<Carbon> {
  const port = await freePort();
  const prefix = join(directory, 'whisper');
  await mkdir(prefix, { recursive: true });
  await writeFile(
    join(directory, 'carbon.conf'),
    `[cache]
STORAGE_DIR = ${directory}
LOCAL_DATA_DIR = ${prefix}
LOG_DIR = ${directory}
PID_DIR = ${directory}
CONF_DIR = ${directory}
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = ${port}
PICKLE_RECEIVER_PORT = 0
CACHE_QUERY_PORT = 0
MAX_UPDATES_PER_SECOND = ${options.updatesPerSecond ?? 'inf'}
MAX_UPDATES_PER_SECOND_ON_SHUTDOWN = 10000
MAX_CREATES_PER_MINUTE = inf
WHISPER_LOCK_WRITES = True
ENABLE_TAGS = False
TAG_HASH_FILENAMES = False
CARBON_METRIC_INTERVAL = 0
`,
  );
  const schemas = options.schemas ?? `[all]\npattern = .*\nretentions = ${options.retentions}\n`;
  await writeFile(join(directory, 'storage-schemas.conf'), schemas);
  if (options.aggregation) await writeFile(join(directory, 'storage-aggregation.conf'), options.aggregation);
  const carbon = ['/usr/bin/carbon-cache', `--config=${join(directory, 'carbon.conf')}`, '--nodaemon', 'start'];
  // The kernel kills it when this process ends, even if that is killed.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...carbon], {
    stdio: 'ignore',
    ...(options.hesitation !== undefined && { env: await hesitating(directory, options.hesitation) }),
  });
  const socket = await connected(port, child);
  return {
    prefix,
    address: `127.0.0.1:${port}`,
    async send(points) {
      const lines = points.map(({ metric, value, timestamp }) => `${metric} ${value} ${timestamp}\n`).join('');
      await new Promise<void>((resolve, reject) => socket.write(lines, (error) => (error ? reject(error) : resolve())));
    },
    async stop() {
      socket.destroy();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function connected(port: number, child: ChildProcess): Promise<Socket> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error(`carbon-cache ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (open) return socket;
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error('carbon-cache did not listen within 30 s');
}

/** The environment in which Python waits after finding that a Whisper file does not exist. */
async function hesitating(directory: string, seconds: number): Promise<NodeJS.ProcessEnv> {
  const path = join(directory, 'python');
  await mkdir(path);
  await writeFile(
    join(path, 'sitecustomize.py'),
    `import os
import time

real_exists = os.path.exists
real_sleep = time.sleep


def exists(path):
    found = real_exists(path)
    if not found and str(path).endswith(".wsp"):
        real_sleep(${seconds})
    return found


def sleep(seconds):
    real_sleep(seconds / 100)


os.path.exists = exists
time.sleep = sleep
`,
  );
  return { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' };
}
