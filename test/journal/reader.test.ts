import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createCompressor } from '../../lib/compress/engine.ts';
import { compressLines } from '../../lib/journal/blocks.ts';
import { partName } from '../../lib/journal/index-file.ts';
import { JournalReader } from '../../lib/journal/reader.ts';
import type { JournalRun } from '../../lib/journal/runs.ts';
import type { GetOptions } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const SECONDS = 1_763_780_400;
const compressor = await createCompressor({ gzipEngine: 'zlib', level: 1 });
const pack = (lines: Uint8Array) => compressLines(compressor, lines);

/** Lines of a metric that hardly compress. */
function linesOf(metric: string, count: number): string {
  const digits = () => createHash('sha1').update(`${metric} ${count--}`).digest().readUIntBE(0, 6);
  return Array.from({ length: count }, (_, i) => `${metric} ${digits()} ${SECONDS + i * 60}\n`).join('');
}

/** Parts by key, all in one run each time it is asked for. */
class Journal {
  readonly #parts: { readonly key: string; readonly body: Uint8Array; readonly part: JournalRun['parts'][number] }[] =
    [];
  readonly damaged: string[] = [];
  readonly requests: { readonly key: string; readonly bytes: number }[] = [];
  orphans = 0;
  /** The request whose bytes are changed on their way. */
  damagedRequest = -1;

  /** All compressed bytes of a run. */
  get bytes(): number {
    return this.#parts.reduce((sum, { body }) => sum + body.length, 0);
  }

  add(metrics: Readonly<Record<string, string>>, compress = pack, change = (body: Uint8Array) => body): void {
    const names = Object.keys(metrics);
    const lines = Buffer.from(Object.values(metrics).join(''));
    const sha1 = createHash('sha1').update(lines).digest('hex');
    const name = partName(this.#parts.length + 1, sha1, 'gz');
    const body = compress(lines);
    const about = { lines: lines.toString().split('\n').length - 1, sha1, size: body.length, bytes: lines.length };
    const part = { key: name, name, first: names[0] ?? '', last: names.at(-1) ?? '', ...about };
    this.#parts.push({ key: name, body: change(body), part });
  }

  reader(runs = 1, aheadBytes?: number): JournalReader {
    const store = delegate(createMemoryStore(), {
      get: async (key: string, { range }: GetOptions) => {
        const found = this.#parts.find((part) => part.key === key);
        assert.ok(found);
        const body = Uint8Array.from(found.body.subarray(range?.start, range?.end));
        if (this.requests.length === this.damagedRequest) body.fill(0, 50, 60);
        this.requests.push({ key, bytes: body.length });
        return body;
      },
    });
    const parts = this.#parts.map(({ part }) => part);
    const from = new Date(SECONDS * 1000);
    const journal = Array.from({ length: runs }, (_, i) => ({ from, until: new Date((SECONDS + i) * 1000), parts }));
    const events = {
      signal: new AbortController().signal,
      onDamaged: ({ code }: { readonly code: string }) => this.damaged.push(code),
      onOrphans: (lines: number) => {
        this.orphans += lines;
      },
    };
    return new JournalReader(store, journal, events, aheadBytes);
  }
}

async function read(reader: JournalReader, metric: string, since = new Date(0)): Promise<string[]> {
  const found = await reader.linesOf(`${metric}/`, since);
  return found.map(({ lines }) => Buffer.from(lines).toString());
}

describe('the reader of a journal', () => {
  it('holds few bytes of each of many runs, and reads each of their bytes once', async () => {
    const [names, runs, aheadBytes] = [Array.from({ length: 60 }, (_, i) => `m${i + 10}`), 60, 2 ** 20];
    const all = new Map(names.map((metric) => [metric, linesOf(metric, 400)]));
    const journal = new Journal();
    for (const part of [names.slice(0, 30), names.slice(30)])
      journal.add(Object.fromEntries(part.map((metric) => [metric, all.get(metric) ?? ''])));
    const reader = journal.reader(runs, aheadBytes);
    let most = 0;
    for (const metric of names) {
      const found = await read(reader, metric);
      assert.equal(found.length, runs);
      assert.ok(found.every((lines) => lines === all.get(metric)));
      most = Math.max(most, reader.heldBytes);
    }
    reader.finish();
    assert.deepEqual([journal.damaged, journal.orphans], [[], 0]);
    assert.equal(
      journal.requests.reduce((sum, { bytes }) => sum + bytes, 0),
      runs * journal.bytes,
    );
    // Each run holds some of the compressed bytes, of which a part has ten times as many, and a block of 64 KiB or two.
    assert.ok(most <= 2 * (aheadBytes + runs * 2 ** 16), `it held ${most} bytes`);
    assert.ok(
      journal.requests.length <= (2 * runs * journal.bytes) / (aheadBytes / runs),
      `${journal.requests.length}`,
    );
  });

  it('reads a part with one request if metrics need few of many runs', async () => {
    const journal = new Journal();
    journal.add({ a: linesOf('a', 2000), b: linesOf('b', 2000) });
    const reader = journal.reader(200, 25 * journal.bytes);
    for (const metric of ['a', 'b'])
      assert.equal((await read(reader, metric, new Date((SECONDS + 176) * 1000))).length, 24);
    assert.equal(journal.requests.length, 24);
  });

  it('reads a piece of a part once more if its transfer was damaged', async () => {
    const journal = new Journal();
    const lines = { a: linesOf('a', 5000), b: linesOf('b', 5000) };
    journal.add(lines);
    const reader = journal.reader(1, journal.bytes / 5);
    journal.damagedRequest = 2;
    for (const [metric, expected] of Object.entries(lines)) assert.deepEqual(await read(reader, metric), [expected]);
    assert.deepEqual(journal.damaged, []);
  });

  it('reads a part with one request if there are few runs', async () => {
    const journal = new Journal();
    journal.add({ a: linesOf('a', 20_000), b: linesOf('b', 20_000) });
    const reader = journal.reader(24);
    assert.equal((await read(reader, 'b')).length, 24);
    assert.equal(journal.requests.length, 24);
    assert.equal(journal.orphans, 24 * 20_000);
  });

  it('returns the lines of a metric at once, however many blocks and parts have them', async () => {
    const journal = new Journal();
    const many = linesOf('m', 20_000);
    const cut = many.indexOf('\n', many.length / 2) + 1;
    journal.add({ a: linesOf('a', 10), m: many.slice(0, cut) });
    journal.add({ m: many.slice(cut), z: linesOf('z', 10) });
    const reader = journal.reader();
    assert.deepEqual(await read(reader, 'm'), [many]);
    assert.deepEqual(await read(reader, 'z'), [linesOf('z', 10)]);
    assert.equal(journal.orphans, 10);
  });

  it('reads a part that was compressed in one piece', async () => {
    const journal = new Journal();
    journal.add({ a: linesOf('a', 30_000), b: linesOf('b', 3) }, gzipSync);
    // So many that it reads only a part of it first.
    const reader = journal.reader(9, 2 ** 16);
    const [found = '', ...others] = await read(reader, 'b');
    assert.deepEqual([found, others.length, journal.damaged], [linesOf('b', 3), 8, []]);
  });

  it('uses no lines of a damaged block, nor those behind it, and names the part once', async () => {
    const journal = new Journal();
    const metrics = ['a', 'b', 'c', 'd'];
    journal.add(Object.fromEntries(metrics.map((metric) => [metric, linesOf(metric, 3000)])), pack, (body) => {
      const middle = Math.floor(body.length / 2);
      body[middle] = (body[middle] ?? 0) ^ 1;
      return body;
    });
    const reader = journal.reader();
    const found = [];
    for (const metric of metrics) found.push(...(await read(reader, metric)));
    assert.equal(journal.damaged.length, 1);
    assert.ok(found.length < metrics.length && found[0] === linesOf('a', 3000));
    for (const lines of found) assert.ok(metrics.some((metric) => linesOf(metric, 3000).startsWith(lines)));
  });

  it('reads nothing for metrics that need no lines, and counts none of them as unknown', async () => {
    const journal = new Journal();
    journal.add({ a: linesOf('a', 10), b: linesOf('b', 10), c: linesOf('c', 10) });
    const reader = journal.reader();
    const late = new Date((SECONDS + 3600) * 1000);
    assert.deepEqual(await read(reader, 'a', late), []);
    assert.equal(journal.requests.length, 0);
    assert.deepEqual(await read(reader, 'b'), [linesOf('b', 10)]);
    reader.finish();
    assert.deepEqual([journal.requests.length, journal.orphans], [1, 10]);
  });
});
