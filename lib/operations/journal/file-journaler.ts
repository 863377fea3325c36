import type { Backup, StoredMetric } from '../../bucket/metric.ts';
import type { TreeOptions } from '../../common/options.ts';
import { isMarkedGone } from '../../expiry/tombstone.ts';
import type { Mark } from '../../journal/marks.ts';
import type { PartWriter } from '../../journal/part-writer.ts';
import { CLOCK_TOLERANCE_MS, isSameStat } from '../../statcache/entry.ts';
import type { StatCache } from '../../statcache/stat-cache.ts';
import type { BlindSpot, LocalFile } from '../../tree/walk.ts';
import { POINT_SIZE } from '../../whisper/header.ts';
import { AHEAD_SECONDS } from '../../whisper/recent-points.ts';
import type { FileResult, FileToJournal } from '../../workers/tasks/journal-files.ts';
import type { StoredFile } from '../../workers/tasks/store-files.ts';
import { countStored } from '../backup/count-stored.ts';
import type { Uploads } from '../backup/uploads.ts';
import type { OperationOptions, Run } from '../shared/run.ts';
import type { StoredRuns } from '../shared/stored-runs.ts';
import type { Surveyed } from '../shared/survey.ts';
import { NeededRuns } from './needed-runs.ts';

type JournalRun = Run<OperationOptions & TreeOptions>;

/** A local file, the mark of a metric without one, or a part of the tree that cannot be read. */
export type Found =
  | BlindSpot
  | FoundFile
  | { readonly kind: 'gone'; readonly mark: Mark; readonly stored: StoredMetric };

interface FoundFile {
  readonly kind: 'file';
  readonly local: LocalFile;
  readonly stored: StoredMetric | undefined;
  readonly mark: Mark | undefined;
  /** Whether the points up to the mark are still stored. */
  readonly isTrusted: boolean;
  readonly isUnchanged: boolean;
  /** Whether its newest backup is dated after this run. */
  readonly isBehind: boolean;
}

/** What becomes of a metric. */
interface Visited {
  readonly order: string;
  /** The next mark; undefined for none. */
  readonly mark: Mark | undefined;
  /** Undefined if there are none. */
  readonly lines?: { readonly metric: string; readonly bytes: Uint8Array; readonly points: number };
}

/**
 * How long carbon may hold a point in its cache. Without a mark, it is not known which points the newest backup has: one
 * that is older than the backup may have reached the file after it.
 */
const DELAY_SECONDS = 3600;

/** A line has at most this many bytes besides the name. */
const LINE_BYTES = 40;

/** Reads the points of changed files since their marks, and stores files whole that the journal cannot continue. */
export class FileJournaler {
  /** The oldest timestamp of all lines, Unix time in seconds. */
  oldest = Number.POSITIVE_INFINITY;
  readonly needed: NeededRuns = new NeededRuns();
  readonly #run: JournalRun;
  readonly #uploads: Uploads;
  readonly #marks: StatCache<Mark>;
  readonly #runs: StoredRuns;
  /** Unix time in seconds. */
  readonly #until: number;
  /** By the clock, which may be before `until` if it was set back. Unix time in seconds. */
  readonly #now: number;

  /** @param until time of the run. @param runs the earlier runs. */
  constructor(
    run: JournalRun,
    uploads: Uploads,
    marks: StatCache<Mark>,
    { until, runs }: { readonly until: Date; readonly runs: StoredRuns },
  ) {
    this.#run = run;
    this.#uploads = uploads;
    this.#marks = marks;
    this.#runs = runs;
    this.#until = until.getTime() / 1000;
    this.#now = Math.floor(run.began.getTime() / 1000);
  }

  /** Returns how many bytes the lines of a file have at most: with a point each second, if its archives are large enough. */
  weightOf(found: Found): number {
    if (found.kind !== 'file' || found.isUnchanged || found.isBehind) return 0;
    const { from } = this.#taskOf(found);
    const { local } = found;
    if (from === undefined) return 0;
    const slots = (local.stat?.size ?? 0) / POINT_SIZE;
    const seconds = Math.max(0, this.#until - from) + AHEAD_SECONDS;
    return Math.min(slots, seconds) * (local.metric.length + LINE_BYTES);
  }

  /** Looks up the marks of metrics. */
  async *lookUp(pages: AsyncIterable<readonly (Surveyed | BlindSpot)[]>): AsyncGenerator<readonly Found[]> {
    for await (const items of pages) {
      const found: Found[] = [];
      for (const item of items) {
        if (item.kind === 'blind') found.push(item);
        if (item.kind === 'blind') continue;
        const { local, stored } = item;
        const metric = local ?? stored;
        if (!metric) continue;
        const looked = this.#marks.findAny(metric);
        const mark = looked instanceof Promise ? await looked : looked;
        // If the file is created anew, the mark will show it.
        if (!local && stored && mark) found.push({ kind: 'gone', mark, stored });
        if (!local) continue;
        const isStored = stored !== undefined && stored.backups.length > 0 && !isMarkedGone(stored, this.#run.began);
        const newest = isStored ? stored.backups.at(-1) : undefined;
        const isTrusted = newest !== undefined && mark !== undefined && this.#isTrusted(mark, newest);
        const isUnchanged = isTrusted && local.stat !== undefined && isSameStat(mark, local.stat);
        const isBehind = !isUnchanged && newest !== undefined && newest.time.getTime() > this.#until * 1000;
        if (isBehind) this.#stopBehind(newest);
        if (!isUnchanged && !isBehind) this.#uploads.start(1);
        found.push({ kind: 'file', local, stored: newest && stored, mark, isTrusted, isUnchanged, isBehind });
      }
      yield found;
    }
  }

  /** Returns the metrics of a batch, in its order. */
  async visit(batch: readonly Found[]): Promise<readonly Visited[]> {
    const files = batch.filter((found) => found.kind === 'file');
    for (const found of batch) if (found.kind === 'blind') this.#run.failBlind(found);
    const changed = files.filter(({ isBehind, isUnchanged }) => !isUnchanged && !isBehind);
    const read = await this.#read(changed);
    const whole = changed.filter((file) => read.get(file)?.result.outcome === 'whole');
    // A restore must not apply the lines of earlier runs to these backups.
    const after = new Date((this.#until - 1) * 1000);
    const anew = whole.map((file) => ({ ...file, after, anew: true }));
    const stored = whole.length > 0 ? await this.#uploads.storeFiles(anew) : [];
    const storedFiles = new Map(whole.map((file, i) => [file, stored[i]]));
    return batch.flatMap((found) => {
      if (found.kind === 'blind') return [];
      if (found.kind === 'gone') {
        this.#recordNeed(found.stored, found.mark);
        return { order: found.mark.order, mark: found.mark };
      }
      const { result, lines: bytes } = read.get(found) ?? {};
      const storedFile = storedFiles.get(found);
      if (!this.#run.options.signal.aborted) this.#count(found, result, storedFile);
      const { metric, order } = found.local;
      const mark = this.#markOf(found, result, storedFile);
      this.#recordNeed(found.stored, mark);
      const points = result?.outcome === 'read' ? result.points : 0;
      return { order, mark, ...(bytes && points > 0 && { lines: { metric, bytes, points } }) };
    });
  }

  /** Adds the lines of visited metrics to a part, and their marks to the new ones. */
  async keep(visited: readonly Visited[], parts: PartWriter): Promise<void> {
    for (const { order, mark, lines } of visited) {
      const waits = lines && parts.add(lines.metric, lines.bytes, lines.points);
      if (waits) await waits;
      const remembered = this.#marks.remember(order, mark);
      if (remembered) await remembered;
    }
  }

  async #read(
    files: readonly FoundFile[],
  ): Promise<Map<FoundFile, { readonly result: FileResult; readonly lines: Uint8Array }>> {
    const { flock, fileLockTimeout } = this.#run.options;
    const read = new Map<FoundFile, { readonly result: FileResult; readonly lines: Uint8Array }>();
    for (let rest = files; rest.length > 0; ) {
      const tasks = rest.map((file) => this.#taskOf(file));
      const batch = { files: tasks, until: this.#until, now: this.#now, flock, fileLockTimeout };
      const { files: results, lines } = await this.#uploads.pool.run('journalFiles', batch);
      let at = 0;
      for (const [i, result] of results.entries()) {
        const bytes = result.outcome === 'read' ? result.bytes : 0;
        const file = rest[i];
        if (file) read.set(file, { result, lines: lines.subarray(at, at + bytes) });
        at += bytes;
      }
      rest = rest.slice(results.length);
    }
    return read;
  }

  #taskOf({ local, stored, mark, isTrusted }: FoundFile): FileToJournal {
    const { file, metric } = local;
    const newest = stored?.backups.at(-1);
    if (!newest) return { file, metric, from: undefined };
    const backedUp = Math.floor(newest.time.getTime() / 1000);
    // A mark ahead of the clock is from before the clock was set back: since then, older slots may have been written.
    const isUsable = isTrusted && mark !== undefined && mark.mark > 0 && mark.mark <= this.#now;
    const from = isUsable ? mark.mark : backedUp - DELAY_SECONDS;
    const before = mark && { schema: mark.schema, ino: mark.ino };
    return { file, metric, from, isMarked: isUsable, stored: Math.max(from, backedUp), ...(before && { before }) };
  }

  #markOf(file: FoundFile, result: FileResult | undefined, stored: StoredFile | undefined): Mark | undefined {
    if (!result || !('stat' in result)) return file.mark;
    const isWhole = result.outcome === 'whole';
    if (isWhole && stored?.outcome !== 'stored') return file.mark;
    const { newest, schema, stat, isSettled } = result;
    // A file is read again if it was written just now, as it may be written again without a change of its times, or if it
    // was written so late in a long run that it may have points too far ahead of the run.
    const end = (this.#until + AHEAD_SECONDS) * 1000;
    const isLate = stat.mtimeMs > end - CLOCK_TOLERANCE_MS && this.#run.options.now().getTime() > end;
    const { size, ctimeMs, ino } = stat;
    const run = isWhole || result.points > 0 ? this.#until : file.isTrusted ? (file.mark?.run ?? 0) : 0;
    const order = file.local.order;
    return { order, size, mtimeMs: isSettled && !isLate ? stat.mtimeMs : -1, ctimeMs, ino, mark: newest, run, schema };
  }

  #recordNeed(stored: StoredMetric | undefined, mark: Mark | undefined): void {
    const newest = stored?.backups.at(-1);
    if (newest && mark) this.needed.add(newest, mark);
  }

  /** Returns whether a run or a backup still has the points up to a mark. */
  #isTrusted({ run }: Mark, newest: Backup): boolean {
    return run * 1000 <= newest.time.getTime() || this.#runs.has(run);
  }

  #stopBehind({ object }: Backup): void {
    this.#run.stop(
      'BACKUP_AHEAD',
      `Not all points were stored: the backup ${object.key} is dated ahead of this host's clock, so a restore would not ` +
        'apply this run to it. Check the clock; the first run after that time stores these points, too.',
    );
  }

  #count({ local, isUnchanged }: FoundFile, result: FileResult | undefined, stored: StoredFile | undefined): void {
    const run = this.#run;
    const { metric } = local;
    run.add('metrics');
    if (isUnchanged) run.add('unchanged');
    if (!result) return;
    if (result.outcome === 'read') {
      run.add(result.points > 0 ? 'journaled' : 'unchanged');
      run.add('points', result.points);
      run.add('bytesRead', result.bytesRead);
      if (result.points > 0) this.oldest = Math.min(this.oldest, result.oldest);
      return;
    }
    const other = result.outcome === 'whole' ? stored : result;
    if (other) countStored(metric, other, run);
  }
}
