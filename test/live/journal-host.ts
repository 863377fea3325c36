import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Summary } from '../../lib/common/summary.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { Ring } from '../../lib/whisper/points.ts';
import type { Scratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { run } from '../scripts/cli/program.ts';
import { type Carbon, type CarbonOptions, startCarbon } from '../servers/carbon.ts';

const METHODS = { average: 0.5, sum: 0, min: 0.2, max: 1, last: 0.7 };
export const METRICS = Object.keys(METHODS).flatMap((method) =>
  Array.from({ length: 6 }, (_, i) => `live.${method}.m${i}`),
);

/** All aggregation methods, each with another xFilesFactor. */
export const AGGREGATION = Object.entries(METHODS)
  .map(
    ([method, factor]) =>
      `[${method}]\npattern = \\.${method}\\.\nxFilesFactor = ${factor}\naggregationMethod = ${method}\n`,
  )
  .join('');

/** Seconds of points that carbon has before the backup, so that every archive has some. */
const HISTORY = 150;

export type Tree = ReadonlyMap<string, Uint8Array>;

/** A carbon-cache that gets a point a second of each metric, and the program with a store for its tree. */
export class LiveHost {
  readonly carbon: Carbon;
  readonly #scratch: Scratch;
  readonly #sender: Promise<void>;
  #newest = Math.floor(Date.now() / 1000) - HISTORY;
  #isSending = true;

  private constructor(scratch: Scratch, carbon: Carbon) {
    this.#scratch = scratch;
    this.carbon = carbon;
    this.#sender = this.#send();
  }

  static async start(scratch: Scratch, options: Omit<CarbonOptions, 'aggregation'>): Promise<LiveHost> {
    await mkdir(scratch.at('store'));
    const host = new LiveHost(scratch, await startCarbon(scratch.at('live'), { ...options, aggregation: AGGREGATION }));
    await until(async () => (await readTree(host.carbon.prefix)).size === METRICS.length);
    return host;
  }

  /** Runs a command, by default on the live tree. */
  async program(command: string, prefix = this.carbon.prefix, ...args: readonly string[]): Promise<Summary> {
    const place = ['disk', `path=${this.#scratch.at('store')}`, '-b', 'bucket', '-p', prefix];
    const state = ['--nolog', '--nolock', '--nostamp', '--json', '--cache-dir', this.#scratch.at('cache')];
    const ended = await run([command, ...args, ...place, ...state], { env: { WHISPER_BACKUP_NO_CACHE: 'false' } });
    assert.equal(ended.code, 0, `${command}: ${ended.stderr}`);
    return JSON.parse(ended.stdout);
  }

  /** Ends carbon, which writes what is in its cache. @returns its tree. */
  async stop(): Promise<Tree> {
    this.#isSending = false;
    await this.#sender;
    await this.carbon.stop();
    return readTree(this.carbon.prefix);
  }

  async #send(): Promise<void> {
    for (; this.#isSending; await sleep(100)) {
      const points = [];
      for (const now = Math.floor(Date.now() / 1000); this.#newest < now; ) {
        const timestamp = ++this.#newest;
        // Some metrics have gaps, by which a coarser archive may have no point.
        for (const [i, metric] of METRICS.entries())
          if ((timestamp + i) % 6 > i % 4)
            points.push({ metric, timestamp, value: Math.sin(timestamp * (i + 1)) * 1000 });
      }
      if (points.length > 0) await this.carbon.send(points);
    }
  }
}

/** Compares the points of each archive, by time. */
export function comparePoints(actual: Tree, expected: Tree): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [path, bytes] of expected) assert.deepEqual(pointsOf(actual.get(path)), pointsOf(bytes), path);
}

type LivePoint = readonly [timestamp: number, value: number];

/** Returns the points of each archive, in the order of time. */
export function pointsOf(bytes: Uint8Array = new Uint8Array()): LivePoint[][] {
  return parseHeader(bytes).archives.map((archive) => {
    const ring = new Ring(bytes, archive);
    return Array.from({ length: archive.points }, (_, i) => i)
      .filter((i) => ring.isPointAt(i))
      .map((i) => [ring.timestampAt(i), ring.valueAt(i)] as const)
      .sort(([a], [b]) => a - b);
  });
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'not within two minutes');
    await sleep(100);
  }
}
