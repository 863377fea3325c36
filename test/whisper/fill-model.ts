import { type AggregationMethod, type AggregationRule, consolidate } from '../../lib/whisper/aggregation.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';

/** One archive as plain points, without slots, rings and bytes. */
export interface ModelArchive {
  readonly step: number;
  readonly retention: number;
  readonly points: Map<number, number>;
}

/** A file as plain points. */
export interface ModelFile extends AggregationRule {
  readonly aggregation: AggregationMethod;
  readonly archives: ModelArchive[];
}

/** Reads a file into the model. */
export function modelOf(bytes: Uint8Array): ModelFile {
  const { aggregation, xFilesFactor, archives } = parseHeader(bytes);
  return {
    aggregation,
    xFilesFactor,
    archives: archives.map((archive) => ({
      step: archive.secondsPerPoint,
      retention: archive.retention,
      points: new Map(knownPoints(bytes, archive).map(({ timestamp, value }) => [timestamp, value])),
    })),
  };
}

const METHODS_OF_ONE_NUMBER: readonly AggregationMethod[] = ['average', 'sum', 'last', 'max', 'min'];

/** The rules of a fill again, in a slow and simple way. Returns the expected local file, and the changes. */
export function modelFill(
  local: ModelFile,
  source: ModelFile,
  now: number,
): { file: ModelFile; filled: number; reaggregated: number } {
  let filled = 0;
  let reaggregated = 0;
  const archives: ModelArchive[] = [];
  let finerTouched = new Set<number>();
  for (const [level, archive] of local.archives.entries()) {
    const { step, retention } = archive;
    const points = new Map(archive.points);
    const touched = new Set<number>();
    const finer = archives[level - 1];
    const finerBefore = local.archives[level - 1];

    for (const slot of slotsOf(archive, now)) {
      if ([...archive.points.keys()].some((time) => time >= slot && (time - slot) % retention === 0)) continue;
      const same = source.archives.find((candidate) => candidate.step === step)?.points.get(slot);
      const remote = source.archives
        .filter((candidate) => candidate.step < step && step % candidate.step === 0)
        .reverse();
      const own = finer === undefined ? [] : [retainedOf(finer, now)];
      const reaches = finer !== undefined && slot >= Math.min(...slotsOf(finer, now));
      const donors = reaches ? [...own, ...remote] : [...remote, ...own];
      const made = donors.map((donor) => consolidate(local, inside(donor, slot, step)));
      const value = same ?? made.find((candidate) => candidate !== undefined);
      if (value === undefined) continue;
      for (const time of points.keys()) if ((slot - time) % retention === 0) points.delete(time);
      points.set(slot, value);
      touched.add(slot);
      filled++;
    }

    const isOneMethod = local.aggregation === source.aggregation && METHODS_OF_ONE_NUMBER.includes(local.aggregation);
    if (finer !== undefined && finerBefore !== undefined && isOneMethod) {
      const backup = source.archives.find((candidate) => candidate.step === step)?.points;
      const reach = Math.min(...slotsOf(finer, now));
      for (const [slot, old] of points) {
        const within = [...finerTouched].some((time) => time >= slot && time < slot + step);
        if (!within || slot < reach) continue;
        if (archive.points.has(slot) && backup?.has(slot) && Object.is(old, backup.get(slot))) continue;
        const value = consolidate(local, inside(finer, slot, step));
        const complete = inside(finer, slot, step).every((known) => known !== undefined);
        const wasMade = Object.is(consolidate(local, inside(finerBefore, slot, step)), old);
        if (value === undefined || Object.is(value, old) || !(complete || wasMade)) continue;
        points.set(slot, value);
        if (!touched.has(slot)) reaggregated++;
        touched.add(slot);
      }
    }
    archives.push({ step, retention, points });
    finerTouched = touched;
  }
  return { file: { ...local, archives }, filled, reaggregated };
}

/** The intervals inside an archive's retention. */
export function slotsOf(archive: ModelArchive, now: number): number[] {
  const newest = Math.floor(now / archive.step) * archive.step;
  const count = archive.retention / archive.step;
  return Array.from({ length: count }, (_, i) => newest - (count - 1 - i) * archive.step);
}

/** The archive without its expired points. */
export function retainedOf(archive: ModelArchive, now: number): ModelArchive {
  const oldest = Math.min(...slotsOf(archive, now));
  return { ...archive, points: new Map([...archive.points].filter(([time]) => time >= oldest)) };
}

/** The value of a coarser slot, aggregated from the next finer archive. */
export function aggregateInside(file: ModelFile, level: number, slot: number): number | undefined {
  const finer = file.archives[level - 1];
  const step = file.archives[level]?.step;
  return finer === undefined || step === undefined ? undefined : consolidate(file, inside(finer, slot, step));
}

function inside(finer: ModelArchive, slot: number, step: number): (number | undefined)[] {
  return Array.from({ length: step / finer.step }, (_, i) => finer.points.get(slot + i * finer.step));
}
