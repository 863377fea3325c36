import { consolidate } from '../../lib/whisper/aggregation.ts';
import { type ModelArchive, type ModelFile, modelOf } from './fill-model.ts';

/** A point of a file that is neither a point of its sources nor an aggregate of such points. */
export interface Unjustified {
  readonly step: number;
  readonly timestamp: number;
  readonly value: number;
}

/**
 * Finds the points of a file that its sources do not justify. A point is justified if a source has it at the same time
 * and step, or if it is the aggregate of the points of one finer archive, of a source or of the file itself.
 */
export function findUnjustified(made: Uint8Array, sources: readonly Uint8Array[]): Unjustified[] {
  const file = modelOf(made);
  const archives = sources.flatMap((source) => modelOf(source).archives);
  const found: Unjustified[] = [];
  for (const [level, { step, points }] of file.archives.entries()) {
    const finer = [...archives, ...file.archives.slice(0, level)].filter(
      (archive) => archive.step < step && step % archive.step === 0,
    );
    for (const [timestamp, value] of points) {
      const isPoint = archives.some(
        (archive) => archive.step === step && Object.is(archive.points.get(timestamp), value),
      );
      const isAggregate = finer.some((archive) => Object.is(aggregate(file, archive, timestamp, step), value));
      if (!isPoint && !isAggregate) found.push({ step, timestamp, value });
    }
  }
  return found;
}

function aggregate(file: ModelFile, finer: ModelArchive, slot: number, step: number): number | undefined {
  return consolidate(file, slotsIn(finer, slot, step));
}

/** The finer slots inside a coarser one. */
export function slotsIn(finer: ModelArchive, slot: number, step: number): (number | undefined)[] {
  return Array.from({ length: step / finer.step }, (_, i) => finer.points.get(slot + i * finer.step));
}
