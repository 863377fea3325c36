import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';

/** What a killed restore may leave in a tree. */
const TEMPORARY = /^\.wb-[0-9a-f]{12}\.tmp$/;

/** All that a tree holds: its files, and what killed runs left there. */
export interface TreeState {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly left: readonly string[];
}

/** Reads a whole tree; empty if it is not there. */
export async function readWhole(prefix: string): Promise<TreeState> {
  const files = new Map<string, Uint8Array>();
  const left: string[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const entry of await readdir(`${prefix}/${below}`, { withFileTypes: true })) {
      const path = `${prefix}/${below}${entry.name}`;
      if (TEMPORARY.test(entry.name)) left.push(path);
      else if (entry.isDirectory()) await visit(`${below}${entry.name}/`);
      else files.set(`${below}${entry.name}`, new Uint8Array(await readFile(path)));
    }
  };
  await visit('').catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
  for (const entry of await readdir(dirname(prefix), { withFileTypes: true }))
    if (TEMPORARY.test(entry.name)) left.push(`${dirname(prefix)}/${entry.name}`);
  return { files, left };
}

export async function writeWhole(prefix: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await mkdir(prefix, { recursive: true });
  const made = new Set<string>();
  for (const [name, bytes] of files) {
    const file = `${prefix}/${name}`;
    if (!made.has(dirname(file))) await mkdir(dirname(file), { recursive: true });
    made.add(dirname(file));
    await writeFile(file, bytes);
  }
}

/** Holds when a file is a whole Whisper file and has all the points that it had: those of the finest archive unchanged. */
export function assertNoWorse(now: Uint8Array, before: Uint8Array): void {
  if (Buffer.compare(now, before) === 0) return;
  assert.equal(now.length, before.length);
  const header = parseHeader(now);
  assert.deepEqual(header, parseHeader(before));
  for (const [level, archive] of header.archives.entries()) {
    const points = new Map(knownPoints(now, archive).map(({ timestamp, value }) => [timestamp, value]));
    for (const { timestamp, value } of knownPoints(before, archive)) {
      if (level === 0) assert.equal(points.get(timestamp), value, `the point of ${timestamp} was ${value}`);
      else assert.ok(points.has(timestamp), `archive ${level} has lost its point of ${timestamp}`);
    }
  }
}

/** The same file with about half of its points taken out, never the one that an archive is counted from. */
export function withGaps(bytes: Uint8Array, random: () => number): Uint8Array {
  const gapped = bytes.slice();
  for (const { offset, points } of parseHeader(bytes).archives)
    for (let slot = 1; slot < points; slot++)
      if (random() < 0.5) gapped.fill(0, offset + slot * 12, offset + slot * 12 + 12);
  return gapped;
}
