import { type AggregationMethod, consolidate } from '../../lib/whisper/aggregation.ts';
import type { Window } from '../../lib/whisper/time-window.ts';
import type { LeftSlot } from '../../lib/whisper/window.ts';
import { type ModelArchive, type ModelFile, retainedOf, slotsOf } from './fill-model.ts';

const METHODS_OF_ONE_NUMBER: readonly AggregationMethod[] = ['average', 'sum', 'last', 'max', 'min'];

interface Restored {
  readonly file: ModelFile;
  readonly left: readonly LeftSlot[];
}

/** The rules of a window again, in a slow and simple way. */
export function modelWindow(local: ModelFile, source: ModelFile, window: Window, now: number): Restored {
  const isOneMethod = local.aggregation === source.aggregation && METHODS_OF_ONE_NUMBER.includes(local.aggregation);
  const finest = local.archives[0]?.step ?? 1;
  const inFinest = (time: number) => time >= window.from && time < window.until;
  const archives: ModelArchive[] = [];
  const left: LeftSlot[] = [];
  let finerChanged: number[] = [];
  let finerForeign: number[] = [];
  let finerLeft: number[] = [];
  let [isGiven, isKept] = [false, false];
  for (const [level, archive] of local.archives.entries()) {
    const { step, retention } = archive;
    const [finer, finerBefore] = [archives[level - 1], local.archives[level - 1]];
    const points = new Map(archive.points);
    const [changed, foreign, leftHere]: [number[], number[], number[]] = [[], [], []];
    const oldest = Math.min(...slotsOf(archive, now));
    const newest = Math.max(...slotsOf(archive, now));
    const same = source.archives.find((candidate) => candidate.step === step);
    const within = (times: readonly number[], slot: number) => times.some((time) => time >= slot && time < slot + step);
    const future = [...archive.points.keys()].filter((time) => time > newest).sort((a, b) => a - b);
    for (const slot of [...future, ...slotsOf(archive, now)]) {
      const parts = Array.from({ length: step / finest }, (_, i) => slot + i * finest);
      if (slot < step || !parts.some(inFinest)) continue;
      if ([...points.keys()].some((time) => time !== slot && time >= oldest && (time - slot) % retention === 0))
        continue;
      const set = (value: number | undefined) => {
        const old = points.get(slot);
        if (Object.is(old, value)) return;
        if (value === undefined) points.delete(slot);
        else {
          for (const time of points.keys()) if ((slot - time) % retention === 0) points.delete(time);
          points.set(slot, value);
        }
        changed.push(slot);
      };
      const old = archive.points.get(slot);
      const stored = same?.points.get(slot);
      const agrees = old !== undefined && Object.is(old, stored);
      const covers = finer !== undefined && slot >= Math.min(...slotsOf(finer, now));
      const known = finer ? inside(finer, slot, step) : [];
      const fresh = finer ? consolidate(local, known) : undefined;
      const before = finerBefore ? consolidate(local, inside(finerBefore, slot, step)) : undefined;
      const mayAnew = isOneMethod && covers && !agrees;
      const isSure = old === undefined || Object.is(old, fresh) || !known.includes(undefined) || Object.is(old, before);
      const anew = mayAnew && isSure ? fresh : undefined;
      const isMixed = within(finerForeign, slot);
      const isTouched = within(finerChanged, slot);
      const isDoubtful = within(finerLeft, slot);
      if (parts.every(inFinest)) {
        const remote = source.archives
          .filter((candidate) => candidate.step < step && step % candidate.step === 0)
          .reverse();
        const own = finer === undefined || isMixed ? [] : [retainedOf(finer, now)];
        const values = (covers ? [...own, ...remote] : [...remote, ...own]).map((donor) =>
          consolidate(local, inside(donor, slot, step)),
        );
        const given = stored ?? values.find((value) => value !== undefined);
        if (isMixed && anew !== undefined) {
          isGiven ||= stored !== undefined;
          isKept ||= stored === undefined && Object.is(anew, old);
          set(anew);
          foreign.push(slot);
          if (isDoubtful && !Object.is(anew, stored)) leftHere.push(slot);
        } else if (given !== undefined) {
          isGiven = true;
          set(given);
        } else if (window.erase) set(undefined);
        else if (old !== undefined) {
          isKept = true;
          foreign.push(slot);
          if (isTouched || isDoubtful) leftHere.push(slot);
        }
      } else if (covers && !isTouched) {
        if (isDoubtful && old !== undefined && !agrees) leftHere.push(slot);
      } else if (!agrees) {
        const isEmptied = isOneMethod && covers && window.erase && fresh === undefined && Object.is(old, before);
        if (anew !== undefined) {
          set(anew);
          if (isDoubtful && !Object.is(anew, stored)) leftHere.push(slot);
        } else if (isEmptied) set(undefined);
        else if (old !== undefined || (stored !== undefined && !covers)) leftHere.push(slot);
      }
    }
    archives.push({ step, retention, points });
    left.push(...leftHere.map((timestamp) => ({ archive: level, secondsPerPoint: step, timestamp })));
    [finerChanged, finerForeign, finerLeft] = [changed, foreign, leftHere];
  }
  return { file: { ...local, archives }, left: !window.erase && isKept && !isGiven ? [] : left };
}

function inside(finer: ModelArchive, slot: number, step: number): (number | undefined)[] {
  return Array.from({ length: step / finer.step }, (_, i) => finer.points.get(slot + i * finer.step));
}
