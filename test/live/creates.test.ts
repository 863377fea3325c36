import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { Ring } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { restoreTree } from '../fixtures/operations.ts';
import { reportReliability } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { startCarbon } from '../servers/carbon.ts';

const ROUNDS = 'Deno' in globalThis ? 4 : 16;

const METRICS = 200;

/** Widens the gap in which carbon empties what was made meanwhile: a race is won in every round, not in one of five. */
const HESITATION = 0.002;

/** A hundred seconds of five minutes ago. */
const HISTORY = Array.from({ length: 100 }, (_, i) => Math.floor(Date.now() / 1000) - 300 + i);

describe('restore beside a carbon-cache that creates the same files', () => {
  it('leaves no file without its history that it does not name', async (t) => {
    await using scratch = await createScratch();
    const carbon = await startCarbon(scratch.at('carbon'), { retentions: '1s:30m,10s:6h', hesitation: HESITATION });
    const figures = { rounds: ROUNDS, files: 0, made: 0, met: 0, refilled: 0, failed: 0 };
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const names = Array.from({ length: METRICS }, (_, i) => `round${round}.m${String(i).padStart(3, '0')}`);
        const bucket = new Bucket();
        for (const [i, name] of names.entries()) await bucket.backup(name.replace('.', '/'), daysAgo(1), history(i));
        const directory = `${carbon.prefix}/round${round}`;
        let wave: Promise<void> | undefined;
        // carbon is sent a point of each metric, and when it begins to create files the restore makes them too.
        const store = delegate(bucket.store, {
          async get(key, options) {
            const metric = key.slice(0, key.indexOf('/'));
            await carbon.send([{ metric, timestamp: Math.floor(Date.now() / 1000), value: 1 }]);
            wave ??= changed(directory).finally(() => {
              wave = undefined;
            });
            await wave;
            return bucket.store.get(key, options);
          },
        });
        const { counts, failed } = await restoreTree(store, carbon.prefix, {
          fileLockTimeout: 10,
          recheckAfterMs: 500,
        });
        const [made = 0, met = 0] = [counts['restored'], counts['backfilled']];
        const named = new Set(failed.map(({ metric }) => metric));
        for (const [i, name] of names.entries()) {
          const isThere = await hasHistory(`${carbon.prefix}/${name.replace('.', '/')}.wsp`, i);
          assert.ok(isThere || named.has(name), `${name} lost its history, and nobody says so`);
        }
        figures.files += METRICS;
        figures.made += made;
        figures.met += met;
        figures.refilled += counts['refilled'] ?? 0;
        figures.failed += failed.length;
      }
    } finally {
      await carbon.stop();
    }
    reportReliability(t, 'carbon-creates', figures);
    assert.equal(figures.failed, 0);
    assert.ok(figures.made > 0 && figures.met > 0 && figures.refilled > 0, JSON.stringify(figures));
  });
});

/** Waits until something is made in a directory, or two seconds. */
async function changed(directory: string): Promise<void> {
  const state = () => statSync(directory, { throwIfNoEntry: false })?.mtimeMs;
  const before = state();
  for (const until = performance.now() + 2000; state() === before && performance.now() < until; ) await sleep(1);
}

function history(seed: number): Uint8Array {
  const bytes = createWhisper([
    { secondsPerPoint: 1, points: 1800 },
    { secondsPerPoint: 10, points: 2160 },
  ]);
  const points = HISTORY.map((timestamp) => ({ timestamp, value: timestamp + seed }));
  updateMany(bytes, points, { now: Math.floor(Date.now() / 1000) });
  return bytes;
}

async function hasHistory(file: string, seed: number): Promise<boolean> {
  const bytes = new Uint8Array(await readFile(file));
  if (bytes.length === 0) return false;
  const [fine] = parseHeader(bytes).archives;
  assert.ok(fine);
  const ring = new Ring(bytes, fine);
  return HISTORY.every((timestamp) => ring.get(timestamp) === timestamp + seed);
}
