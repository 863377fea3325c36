import { createHash } from 'node:crypto';
import { journalKey } from '../../bucket/layout.ts';
import { type CompressorOptions, createCompressor } from '../../compress/engine.ts';
import { compressLines } from '../../journal/blocks.ts';
import { type JournalPart, partName } from '../../journal/index-file.ts';
import type { TaskContext } from '../context.ts';

interface PartToStore {
  readonly root: string;
  readonly until: Date;
  /** From 1. */
  readonly number: number;
  readonly lines: Uint8Array;
  readonly format: CompressorOptions;
}

export type StoredPart = Pick<JournalPart, 'name' | 'sha1' | 'size' | 'bytes'>;

/** Compresses and stores a part of a journal run. @throws StoreError */
export async function storePart(
  { root, until, number, lines, format }: PartToStore,
  context: TaskContext,
): Promise<StoredPart> {
  const compressor = await createCompressor({ ...format, level: 1 });
  const body = compressLines(compressor, lines);
  const sha1 = createHash('sha1').update(lines).digest('hex');
  const name = partName(number, sha1, format.algorithm ?? 'gz');
  context.throwIfStopped();
  await context.withStore((store, signal) => store.put(journalKey(root, until, name), body, { signal }));
  return { name, sha1, size: body.length, bytes: lines.length };
}
