import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe } from 'node:test';
import { gzipSync } from 'node:zlib';
import { backupKey, pairKeys } from '../../lib/bucket/layout.ts';
import { createDecompressor } from '../../lib/compress/engine.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { exitCodeOfSummary, exitCodes } from '../../scripts/cli/run/exit-code.ts';
import { assertRefused, GENEROUS } from '../compress/damage.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { codesOf, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { bombs, join, zstdCrumbs } from './bomb.ts';
import { within } from './deadline.ts';
import { inMemory } from './memory.ts';

const it = casesOf('hostile');

const MIB = 2 ** 20;
const TIME = '2026-11-22T03:14:15+00:00';
const file = metricFile();
const SHA1 = createHash('sha1').update(file).digest('hex');

/** Stores a body as a backup of the file. */
async function put(store: ObjectStore, path: string, body: Uint8Array, algorithm: 'gz' | 'zst' | 'sz' = 'gz') {
  if (algorithm !== 'sz') return store.put(backupKey('', path, TIME, SHA1, algorithm), body);
  const { data, sha1 } = pairKeys('', path, TIME);
  await store.put(data.replace(/gz$/, 'sz'), body);
  await store.put(sha1, new TextEncoder().encode(SHA1));
}

/** What lies behind the archives is decoded as far as 64 MiB, of four files at a time; Deno collects garbage later. */
const MOST = ('Deno' in globalThis ? 768 : 512) * MIB;

describe('decompression bombs after a small Whisper header', () => {
  it('do not change the tree, and are all reported, in little time and memory', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    await put(store, 'gzip', bombs.gz(file, 1024));
    await put(store, 'zstd', bombs.zst(file, 1024), 'zst');
    await put(store, 'snappy', bombs.sz(file, 128), 'sz');
    await put(store, 'local', bombs.gz(file, 1024));
    await put(store, 'sound', gzipSync(file));
    // Not what the key says, or nothing would be fetched.
    const local = Uint8Array.from(file, (byte, i) => (i === file.length - 1 ? byte ^ 1 : byte));
    await plantMetric(scratch.at('tree'), 'local', local);
    const codes = Object.fromEntries(
      ['gzip', 'zstd', 'snappy', 'local'].map((name) => [name, 'COMPRESSION_TOO_LARGE']),
    );

    const restored = await inMemory(MOST, () => within(30, () => restoreTree(store, scratch.at('tree'))));
    assert.deepEqual(codesOf(restored.failed), codes);
    assert.deepEqual([restored.counts['failed'], restored.counts['restored']], [4, 1]);
    assert.equal(exitCodeOfSummary(restored), exitCodes.someFailed);
    const expected = new Map([
      ['tree/local.wsp', local],
      ['tree/sound.wsp', file],
    ]);
    assert.deepEqual(contents(await readTree(scratch.path)), contents(expected));

    const verified = await inMemory(MOST, () => within(30, () => verifyAll(store, { readData: true })));
    assert.deepEqual(codesOf(verified.damaged ?? []), codes);
    assert.equal(exitCodeOfSummary(verified), exitCodes.damaged);
  });
});

describe('streams with several members or other data', () => {
  it('are restored if all data is valid, and rejected otherwise', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const packed = gzipSync(file);
    const halves = join(gzipSync(file.subarray(0, 100)), gzipSync(new Uint8Array(0)), gzipSync(file.subarray(100)));
    await put(store, 'members', halves);
    await put(store, 'padded', join(packed, new Uint8Array(4096)));
    await put(store, 'memberspadded', join(halves, new Uint8Array(1)));
    await put(store, 'twice', join(packed, packed));
    await put(store, 'trailing', join(packed, new TextEncoder().encode('evil')));
    await put(store, 'behindpadding', join(packed, new Uint8Array(16), packed));
    await put(store, 'zeros', new Uint8Array(4096));
    await put(store, 'plain', file);
    const { failed, counts } = await restoreTree(store, scratch.at('tree'));
    assert.deepEqual(codesOf(failed), {
      twice: 'COMPRESSION_TOO_LARGE',
      trailing: 'COMPRESSION_DAMAGED',
      behindpadding: 'COMPRESSION_DAMAGED',
      zeros: 'COMPRESSION_DAMAGED',
      plain: 'COMPRESSION_DAMAGED',
    });
    assert.equal(counts['restored'], 3);
    const tree = await readTree(scratch.at('tree'));
    assert.deepEqual([...tree.keys()].sort(), ['members.wsp', 'memberspadded.wsp', 'padded.wsp']);
    for (const bytes of tree.values()) assert.deepEqual(bytes, file);
  });
});

describe('Zstandard with a needlessly large window', () => {
  it('does not take hours, and is accepted with ordinary small blocks', async () => {
    const fzstd = await createDecompressor({ algorithm: 'zst', engine: 'fzstd' });
    await within(60, () => {
      assertRefused(fzstd, zstdCrumbs(100_000));
      assertRefused(fzstd, join(...Array.from({ length: 5000 }, () => zstdCrumbs(1))));
    });
    assert.deepEqual(fzstd.decompress(zstdCrumbs(8), GENEROUS), new Uint8Array(8));
  });
});
