import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { backupKey } from '../lib/bucket/layout.ts';
import { silent } from '../lib/common/report.ts';
import { backup } from '../lib/operations/backup/backup.ts';
import { createStore, type StoreSpec } from '../lib/store/spec.ts';
import { createWhisper } from '../lib/whisper/create.ts';
import { planFill } from '../lib/whisper/fill.ts';
import { updateMany } from '../lib/whisper/update.ts';
import type { MemoryJob, MemoryUsed } from './fixtures/memory-job.ts';
import { startScript } from './fixtures/runtime.ts';
import { createScratch } from './fixtures/scratch.ts';

const FILES = 24;
const BYTES_IN_FLIGHT = 2 ** 26;
/**
 * The runtime with four threads and the TypeScript loader takes half of it. Without a bound it was 800 MiB and more.
 */
const MOST_MIB = 'Deno' in globalThis ? 700 : 550;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const scratch = await createScratch();
const tree = scratch.at('tree');
after(() => scratch[Symbol.asyncDispose]());

describe('the memory of a run with mostly empty files of 20 MB', () => {
  before(async () => {
    const now = 1_795_000_020;
    const empty = createWhisper([{ secondsPerPoint: 60, points: 1_747_600 }]);
    for (let i = 0; i < FILES; i++) {
      const file = Uint8Array.from(empty);
      updateMany(file, [{ timestamp: now, value: i }], { now });
      const sha1 = createHash('sha1').update(file).digest('hex');
      const key = backupKey('', `servers/m${i}`, '2026-11-22T03:14:15+00:00', sha1, 'gz');
      await write(scratch.at('bucket', key), gzipSync(file, { level: 1 }));
      await write(`${tree}/servers/m${i}.wsp`, file);
    }
  });

  for (const what of ['restore', 'verify', 'drill'] as const) {
    it(`is bounded by --bytes-in-flight in ${what}`, async () => {
      const { counts, peakMiB } = await run({
        what,
        spec: { place: { kind: 'disk', options: { path: scratch.at('bucket') } }, concurrency: 16 },
        threadStore: true,
        prefix: what === 'drill' ? tree : scratch.at(what),
        scratch: scratch.at('drill'),
        bytesInFlight: BYTES_IN_FLIGHT,
      });
      assert.equal(counts[{ restore: 'restored', verify: 'read', drill: 'same' }[what]], FILES);
      assert.equal(counts['failed'], 0);
      assert.ok(peakMiB <= MOST_MIB, `${peakMiB} MiB`);
    });
  }
});

describe('the memory of a fill', () => {
  it('does not grow with the points that are filled', () => {
    const now = 1_795_000_020;
    const local = createWhisper([{ secondsPerPoint: 60, points: 1_000_000 }]);
    const source = Uint8Array.from(local);
    const points = Array.from({ length: 1_000_000 }, (_, i) => ({ timestamp: now - i * 60, value: i }));
    updateMany(source, points, { now });
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const plan = planFill({ local, source, now });
    const heldMb = (process.memoryUsage().heapUsed - before) / 1e6;
    assert.equal(plan.filled, points.length);
    // Sets of slots and of intervals took 80 MB.
    assert.ok(heldMb < 30, `${heldMb} MB`);
  });
});

describe('the memory of a backup of many small files', () => {
  it('does not grow with the files that are stored', async () => {
    // 100,000 files show the same: each that was held took 0.6 kB.
    const files = 16_000;
    const many = scratch.at('many');
    await mkdir(many);
    const small = createWhisper([{ secondsPerPoint: 60, points: 2 }]);
    for (let i = 0; i < files; i++) writeFileSync(`${many}/m${i}.wsp`, small);
    const spec: StoreSpec = { place: { kind: 'noop' }, concurrency: 16 };
    const store = await createStore(spec, () => {});
    const held: number[] = [];
    const progress = ({ done }: { readonly done: number }) => {
      if (done < ((held.length + 1) * files) / 4) return;
      collectGarbage();
      held.push(process.memoryUsage().heapUsed / 1e6);
    };
    const report = { ...silent, progress };
    const { counts } = await backup(store, {
      prefix: many,
      processes: 2,
      threadStore: spec,
      machine: { id: 'm', host: 'h' },
      report,
    });
    assert.equal(counts['stored'], files);
    const [quarter = 0] = held;
    const end = held.at(-1) ?? 0;
    assert.equal(held.length, 4);
    assert.ok(
      end - quarter < 3,
      `${(end - quarter).toFixed(1)} MB more are held after ${files} files than after a quarter`,
    );
  });
});

async function write(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}

async function run(job: MemoryJob): Promise<MemoryUsed> {
  const child = startScript(new URL('./fixtures/memory-job.ts', import.meta.url), [JSON.stringify(job)]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  await new Promise((resolve) => child.on('close', resolve));
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}
