import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../../lib/common/report.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { plantMetrics } from '../fixtures/metric.ts';
import { backUp, listAll } from '../fixtures/operations.ts';
import { isRoot } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** Longer than a file must have been left alone, to be known by its times. */
const SETTLED = 2100;

const METRICS = ['a', 'b', 'c/d', 'e.f'];

/** A tree whose files were left alone for long enough, its backups, and a cache of its last run. */
class Host {
  readonly store = createMemoryStore();
  readonly scratch: Scratch;

  constructor(scratch: Scratch) {
    this.scratch = scratch;
  }

  get prefix(): string {
    return this.scratch.at('tree');
  }

  get cache(): string {
    return this.scratch.at('cache', 'tree.stat');
  }

  backUp(options: Parameters<typeof backUp>[2] & { readonly rehash?: boolean } = {}): Promise<Summary> {
    const { rehash = false, ...rest } = options;
    return backUp(this.store, this.prefix, { ...rest, statCache: { file: this.cache, rehash } });
  }
}

async function createHost(): Promise<Host> {
  const scratch = await createScratch();
  await scratch.directory('tree');
  const host = new Host(scratch);
  await plantMetrics(host.prefix, METRICS);
  return host;
}

/** A report whose lines are kept. */
function listening(): { readonly lines: string[]; readonly report: Report } {
  const lines: string[] = [];
  return { lines, report: { log: (_, line) => lines.push(line), progress() {} } };
}

/** How many were stored, unchanged, and whether any file was read. */
function did({ counts }: Summary): [stored: number | undefined, unchanged: number | undefined, read: boolean] {
  return [counts['stored'], counts['unchanged'], (counts['bytesRead'] ?? 0) > 0];
}

describe('the stat cache', () => {
  // Creates all hosts before the wait that each of them needs.
  const hosts: Host[] = [];
  const take = (): Host => hosts.pop() ?? assert.fail('make more hosts');
  before(async () => {
    for (let i = 0; i < 14; i++) hosts.push(await createHost());
    await sleep(SETTLED);
  });

  it('makes opening an unchanged file unnecessary', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    assert.deepEqual(did(await host.backUp()), [4, 0, true]);
    assert.deepEqual(did(await host.backUp()), [0, 4, false]);
    assert.deepEqual(did(await host.backUp({ rehash: true })), [0, 4, true]);
    assert.deepEqual(did(await host.backUp()), [0, 4, false]);
    assert.equal((await stat(host.cache)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(scratch.at('cache')), ['tree.stat']);
  });

  it('detects a change that keeps size and modification time', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    const file = `${host.prefix}/a.wsp`;
    const { atime, mtime } = await stat(file);
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(file, bytes);
    await utimes(file, atime, mtime);
    assert.deepEqual(did(await host.backUp()), [1, 3, true]);
  });

  it('does not store a file that was written just before it was read', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    // By its times, it is written during each read or later.
    const soon = new Date(Date.now() + 3_600_000);
    await utimes(`${host.prefix}/a.wsp`, soon, soon);
    await host.backUp();
    assert.deepEqual(did(await host.backUp()), [0, 4, true]);
    assert.deepEqual(did(await host.backUp()), [0, 4, true]);
    const past = new Date(Date.now() - 3_600_000);
    await utimes(`${host.prefix}/a.wsp`, past, past);
    await sleep(SETTLED);
    await host.backUp();
    assert.deepEqual(did(await host.backUp()), [0, 4, false]);
  });

  it('stores a file again if its backup is missing in the bucket', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    const [first] = await listAll(host.store);
    await host.store.delete([first?.key ?? '']);
    assert.deepEqual(did(await host.backUp()), [1, 3, true]);
  });

  it('is rebuilt if it is lost, damaged or of another tree or version', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    const good = await readFile(host.cache);
    const damages: Record<string, () => Promise<void>> = {
      lost: () => rm(host.cache),
      empty: () => truncate(host.cache),
      cut: () => truncate(host.cache, good.length - 1),
      'a flipped bit': () =>
        writeFile(
          host.cache,
          good.map((byte, i) => (i === good.length - 5 ? byte ^ 4 : byte)),
        ),
      'another version': () =>
        writeFile(host.cache, Buffer.from(good.toString('latin1').replace('cache 1', 'cache 2'), 'latin1')),
      'something else': () => writeFile(host.cache, 'x'.repeat(100_000)),
    };
    for (const [name, damage] of Object.entries(damages)) {
      await damage();
      assert.deepEqual(did(await host.backUp()), [0, 4, true], name);
      assert.deepEqual(did(await host.backUp()), [0, 4, false], name);
    }
  });

  it('keeps entries of files outside a partial run', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    assert.deepEqual(did(await host.backUp({ metrics: 'b' })), [0, 1, false]);
    assert.deepEqual(did(await host.backUp({ exclude: ['*b*'] })), [0, 3, false]);
    assert.deepEqual(did(await host.backUp()), [0, 4, false]);
  });

  it('drops missing files, and removes the leftover of a killed run', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    const before = (await stat(host.cache)).size;
    await rm(`${host.prefix}/b.wsp`);
    await writeFile(`${host.cache}.tmp`, 'left by a run that was killed');
    await host.backUp();
    assert.ok((await stat(host.cache)).size < before);
    assert.deepEqual(await readdir(scratch.at('cache')), ['tree.stat']);
  });

  it('is not changed by a dry run or a failed run', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    const before = await readFile(host.cache);
    await host.backUp({ dryRun: true, metrics: 'a' });
    const stopped = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(host.backUp({ signal: stopped }));
    assert.deepEqual(await readFile(host.cache), before);
    assert.deepEqual(await readdir(scratch.at('cache')), ['tree.stat']);
  });

  it('works with pairs of the Python layout, too', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await rm(`${host.prefix}/e.f.wsp`);
    assert.deepEqual(did(await host.backUp({ layout: 'python' })), [3, 0, true]);
    assert.deepEqual(did(await host.backUp({ layout: 'python' })), [0, 3, false]);
    // Our own layout does not compare with other content because of it.
    assert.deepEqual(did(await host.backUp()), [0, 3, false]);
  });

  it('is ignored and rebuilt if other users may write it', async () => {
    const spoils: Record<string, (host: Host) => Promise<void>> = {
      'of a group that may write': (host) => chmod(host.cache, 0o660),
      'that all may write': (host) => chmod(host.cache, 0o606),
      'a FIFO': async ({ cache }) => {
        await rm(cache);
        sh`mkfifo -m 600 ${cache}`;
      },
      // Only root can give it away.
      ...(isRoot && { 'of another user': (host: Host) => chown(host.cache, 12345, 0) }),
    };
    for (const [name, spoil] of Object.entries(spoils)) {
      await using scratch = take().scratch;
      const host = new Host(scratch);
      await host.backUp();
      await spoil(host);
      const { lines, report } = listening();
      assert.deepEqual(did(await host.backUp({ report })), [0, 4, true], name);
      assert.equal(lines.filter((line) => line.includes(`The stat cache ${host.cache} is not used`)).length, 1, name);
      assert.deepEqual(did(await host.backUp()), [0, 4, false], name);
    }
  });

  it('is neither read nor written in a directory that other users may write', async () => {
    await using scratch = take().scratch;
    const host = new Host(scratch);
    await host.backUp();
    await chmod(scratch.at('cache'), 0o777);
    const before = await readFile(host.cache);
    for (const metrics of ['*', 'a']) {
      const { lines, report } = listening();
      assert.equal((await host.backUp({ report, metrics })).counts['bytesRead'] === 0, false);
      assert.match(lines.join('\n'), /is not used, so all files are read: other users may write .*: run chmod go-w/);
    }
    assert.deepEqual(await readFile(host.cache), before);
    await chmod(scratch.at('cache'), 0o755);
    assert.deepEqual(did(await host.backUp()), [0, 4, false]);
    if (!isRoot) return;
    // Given by root to the service's user, as systemd does, it is fine, and in a directory of that user it is not.
    await chown(scratch.at('cache'), 12345, 12345);
    await chown(host.cache, 12345, 12345);
    assert.deepEqual(did(await host.backUp()), [0, 4, false]);
    await mkdir(scratch.at('theirs'));
    await rename(scratch.at('cache'), scratch.at('theirs', 'cache'));
    await chown(scratch.at('theirs'), 54321, 54321);
    const statCache = { file: scratch.at('theirs', 'cache', 'tree.stat') };
    assert.deepEqual(did(await backUp(host.store, host.prefix, { statCache })), [0, 4, true]);
  });

  it('is optional if it cannot be written', async () => {
    await using scratch = await createScratch();
    await scratch.directory('tree');
    await writeFile(scratch.at('cache'), 'a file where the directory should be');
    const host = new Host(scratch);
    await plantMetrics(host.prefix, METRICS);
    assert.deepEqual(did(await host.backUp()), [4, 0, true]);
    assert.deepEqual(did(await host.backUp()), [0, 4, true]);
  });
});
