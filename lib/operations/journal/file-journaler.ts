import type { StoredMetric } from '../../bucket/metric.ts';
import type { TreeOptions } from '../../common/options.ts';
import { isMarkedGone } from '../../expiry/tombstone.ts';
import type { Mark } from '../../journal/marks.ts';
import type { PartWriter } from '../../journal/part-writer.ts';
import { isSameStat } from '../../statcache/entry.ts';
import type { StatCache } from '../../statcache/stat-cache.ts';
import type { BlindSpot, LocalFile } from '../../tree/walk.ts';
import { countRemark } from '../../whisper/remark.ts';
import type { FileResult, FileToJournal } from '../../workers/tasks/journal-files.ts';
import type { StoredFile } from '../../workers/tasks/store-files.ts';
import type { Uploads } from '../backup/uploads.ts';
import type { OperationOptions, Run } from '../shared/run.ts';
import type { Surveyed } from '../shared/survey.ts';

type JournalRun = Run<OperationOptions & TreeOptions>;

/** A local file, or a part of the tree that cannot be read. */
export type Found = BlindSpot | FoundFile;

interface FoundFile {
  readonly kind: 'file';
  readonly local: LocalFile;
  readonly stored: StoredMetric | undefined;
  readonly mark: Mark | undefined;
  readonly isUnchanged: boolean;
}

/** What becomes of a file. */
interface Visited {
  readonly file: FoundFile;
  /** The next mark; undefined for none. */
  readonly mark: Mark | undefined;
  readonly lines: Uint8Array | undefined;
  readonly points: number;
}

/**
 * How long carbon may hold a point in its cache. Without a mark, it is not known which points the newest backup has: one
 * that is older than the backup may have reached the file after it.
 */
const DELAY_SECONDS = 3600;

/** Reads the points of changed files since their marks, and stores files whole that the journal cannot continue. */
export class FileJournaler {
  /** The oldest timestamp of all lines, Unix time in seconds. */
  oldest = Number.POSITIVE_INFINITY;
  readonly #run: JournalRun;
  readonly #uploads: Uploads;
  readonly #marks: StatCache<Mark>;
  readonly #until: number;

  /** @param until time of the run, Unix time in seconds. */
  constructor(run: JournalRun, uploads: Uploads, marks: StatCache<Mark>, until: number) {
    this.#run = run;
    this.#uploads = uploads;
    this.#marks = marks;
    this.#until = until;
  }

  /** Looks up the marks of local files. Leaves out metrics without one. */
  async *lookUp(pages: AsyncIterable<readonly (Surveyed | BlindSpot)[]>): AsyncGenerator<readonly Found[]> {
    for await (const items of pages) {
      const found: Found[] = [];
      for (const item of items) {
        if (item.kind === 'blind') found.push(item);
        if (item.kind === 'blind' || !item.local) continue;
        const { local, stored } = item;
        const looked = this.#marks.findAny(local);
        const mark = looked instanceof Promise ? await looked : looked;
        const isStored = stored !== undefined && stored.backups.length > 0 && !isMarkedGone(stored, this.#run.began);
        const isUnchanged = isStored && mark !== undefined && local.stat !== undefined && isSameStat(mark, local.stat);
        if (!isUnchanged) this.#uploads.start(1);
        found.push({ kind: 'file', local, stored: isStored ? stored : undefined, mark, isUnchanged });
      }
      yield found;
    }
  }

  /** Returns the local files of a batch, in its order. */
  async visit(batch: readonly Found[]): Promise<readonly Visited[]> {
    const files = batch.filter((found) => found.kind === 'file');
    for (const found of batch) if (found.kind === 'blind') this.#run.failBlind(found);
    const changed = files.filter(({ isUnchanged }) => !isUnchanged);
    const read = await this.#read(changed);
    const whole = changed.filter((file) => read.get(file)?.result.outcome === 'whole');
    const stored = whole.length > 0 ? await this.#uploads.storeFiles(whole) : [];
    const storedFiles = new Map(whole.map((file, i) => [file, stored[i]]));
    return files.map((file) => {
      const { result, lines } = read.get(file) ?? {};
      const storedFile = storedFiles.get(file);
      if (!this.#run.options.signal.aborted) this.#count(file, result, storedFile);
      const points = result?.outcome === 'read' ? result.points : 0;
      return { file, mark: this.#markOf(file, result, storedFile), lines: points > 0 ? lines : undefined, points };
    });
  }

  /** Adds the lines of visited files to a part, and their marks to the new ones. */
  async keep(visited: readonly Visited[], parts: PartWriter): Promise<void> {
    for (const { file, mark, lines, points } of visited) {
      const waits = lines && parts.add(file.local.metric, lines, points);
      if (waits) await waits;
      const remembered = this.#marks.remember(file.local.order, mark);
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
      const batch = { files: tasks, until: this.#until, flock, fileLockTimeout };
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

  #taskOf({ local, stored, mark }: FoundFile): FileToJournal {
    const { file, metric } = local;
    const newest = stored?.backups.at(-1);
    if (!newest) return { file, metric, from: undefined };
    // A mark ahead of the clock is from before the clock was set back.
    const hasMark = mark !== undefined && mark.mark > 0 && mark.mark <= this.#until;
    const from = hasMark ? mark.mark : Math.floor(newest.time.getTime() / 1000) - DELAY_SECONDS;
    return { file, metric, from, ...(mark && { expectedSize: mark.size }) };
  }

  #markOf(file: FoundFile, result: FileResult | undefined, stored: StoredFile | undefined): Mark | undefined {
    if (!result || !('stat' in result)) return file.mark;
    if (result.outcome === 'whole' && stored?.outcome !== 'stored' && stored?.outcome !== 'unchanged') return file.mark;
    const { newest, stat, isSettled } = result;
    // A file that was written just now may be written again without a change of its times: it is read again.
    const { size, ctimeMs, ino } = stat;
    const mark = Math.min(newest > 0 || result.outcome === 'whole' ? newest : result.from, this.#until);
    return { order: file.local.order, size, mtimeMs: isSettled ? stat.mtimeMs : -1, ctimeMs, ino, mark };
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
    if (!other) return;
    if ('code' in other) {
      const { outcome, code, reason } = other;
      if (outcome === 'skipped') run.skip({ metric, code, reason });
      else run.fail({ metric, code, reason });
      return;
    }
    run.add(other.outcome);
    run.add('bytesRead', other.bytes);
    if (other.outcome !== 'stored') return;
    run.add('bytesStored', other.backup.object.size);
    if (other.remark) countRemark(metric, other.remark, run);
  }
}
