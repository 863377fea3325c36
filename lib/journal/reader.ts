import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { compareKeys } from '../common/order.ts';
import { printable } from '../common/printable.ts';
import type { ObjectStore } from '../store/store.ts';
import { BlockReader, type StoredPart } from './blocks.ts';
import { groupsOf, type LineGroup } from './groups.ts';
import type { JournalLines } from './points.ts';
import type { JournalEvents, JournalRun } from './runs.ts';

interface ReaderEvents extends JournalEvents {
  /** Called with the lines of metrics for which nothing has asked, as far as their parts are read. */
  readonly onOrphans: (lines: number) => void;
}

/**
 * How many compressed bytes to hold: so if metrics need up to 64 runs, their parts are read whole, those of more a piece
 * at a time.
 */
const AHEAD_BYTES = 2 ** 25;
const MIN_CHUNK_BYTES = 2 ** 14;

/**
 * Returns the lines of one metric after the other, in key order, from all runs of a journal. Holds a block of lines of
 * each run, and the compressed bytes behind it. Reads no part that no metric needs.
 */
export class JournalReader {
  readonly #cursors: readonly RunCursor[];
  readonly #aheadBytes: number;
  /** The oldest run that a metric needed. */
  #oldest = Number.POSITIVE_INFINITY;
  #chunkBytes = 0;

  constructor(store: ObjectStore, runs: readonly JournalRun[], events: ReaderEvents, aheadBytes = AHEAD_BYTES) {
    this.#aheadBytes = aheadBytes;
    this.#cursors = runs.map((run) => new RunCursor(store, run, () => this.#chunkBytes, events));
  }

  /** Bytes in memory, compressed and not. */
  get heldBytes(): number {
    return this.#cursors.reduce((sum, cursor) => sum + cursor.heldBytes, 0);
  }

  /**
   * Returns the lines of a metric, in the order of the runs. Must be called in key order, for every metric that has a
   * backup.
   *
   * @param since leave out older runs; undefined if no lines are needed.
   */
  linesOf(order: string, since: Date | undefined): readonly JournalLines[] | Promise<readonly JournalLines[]> {
    const waits: Promise<void>[] = [];
    if (since !== undefined && since.getTime() < this.#oldest) this.#expect(since);
    for (const cursor of this.#cursors) {
      const wait = cursor.seek(order, since !== undefined && cursor.run.until >= since);
      if (wait) waits.push(wait);
    }
    return waits.length === 0 ? this.#take(since) : Promise.all(waits).then(() => this.#take(since));
  }

  /** Sets how much to read at once of each part that is opened from now on. */
  #expect(since: Date): void {
    this.#oldest = since.getTime();
    const runs = this.#cursors.filter(({ run }) => run.until >= since).length;
    this.#chunkBytes = Math.max(MIN_CHUNK_BYTES, Math.floor(this.#aheadBytes / Math.max(1, runs)));
  }

  /** Counts the lines behind the last metric. */
  finish(): void {
    for (const cursor of this.#cursors) cursor.finish();
  }

  #take(since: Date | undefined): JournalLines[] {
    const found: JournalLines[] = [];
    let isAfterGap = false;
    for (const cursor of this.#cursors) {
      const { missing } = cursor.run;
      if (since && missing && missing >= since) isAfterGap = true;
      const lines = cursor.take();
      if (!lines) continue;
      found.push(isAfterGap ? { ...lines, isAfterGap } : lines);
      isAfterGap = false;
    }
    return found;
  }
}

class RunCursor {
  readonly run: JournalRun;
  readonly #store: ObjectStore;
  readonly #chunkBytes: () => number;
  readonly #events: ReaderEvents;
  /** The lines of the metric in question. */
  #found: Uint8Array[] = [];
  #next = 0;
  #part: CurrentPart | undefined;

  constructor(store: ObjectStore, run: JournalRun, chunkBytes: () => number, events: ReaderEvents) {
    this.run = run;
    this.#store = store;
    this.#chunkBytes = chunkBytes;
    this.#events = events;
    this.#part = this.#enter();
  }

  get heldBytes(): number {
    return this.#part?.heldBytes ?? 0;
  }

  /** Returns the lines that `seek` has found. */
  take(): JournalLines | undefined {
    if (this.#found.length === 0) return undefined;
    // A copy, so that it does not keep the whole block in memory.
    const lines = Buffer.concat(this.#found);
    this.#found = [];
    return { until: this.run.until.getTime() / 1000, lines };
  }

  seek(order: string, isWanted: boolean): undefined | Promise<void> {
    for (;;) {
      const part = this.#part;
      if (!part || compareKeys(order, part.first) < 0) return undefined;
      if (compareKeys(order, part.last) <= 0) {
        const wait = part.seek(order, isWanted, this.#found);
        if (wait) return wait.then(() => this.seek(order, isWanted));
        // A metric with very many lines continues in the next part.
        if (part.last !== order || this.run.parts[this.#next]?.first !== order.slice(0, -1)) return undefined;
      }
      part.leave();
      this.#part = this.#enter();
    }
  }

  finish(): void {
    for (; this.#part; this.#part = this.#enter()) this.#part.leave();
  }

  #enter(): CurrentPart | undefined {
    const part = this.run.parts[this.#next++];
    return part && new CurrentPart(this.#store, part, this.#chunkBytes, this.#events);
  }
}

/** The part of a run in which the next metric may be. */
class CurrentPart {
  readonly first: string;
  readonly last: string;
  readonly #part: StoredPart;
  readonly #blocks: BlockReader;
  readonly #events: ReaderEvents;
  /** Whether a metric was asked for that may be in it. */
  #isTouched = false;
  /** Undefined while no metric needs it, and at the end of a block. */
  #groups: Iterator<LineGroup> | undefined;
  /** The next lines; undefined at the end of a block. */
  #group: LineGroup | undefined;
  #lastOrder: string | undefined;
  #blockBytes = 0;
  #state: 'unread' | 'read' | 'ended' = 'unread';
  /** Whether lines that are skipped are of metrics for which nothing has asked. */
  #isCounted = true;
  #linesLeft: number;

  constructor(store: ObjectStore, part: StoredPart, chunkBytes: () => number, events: ReaderEvents) {
    this.first = `${part.first}/`;
    this.last = `${part.last}/`;
    this.#part = part;
    this.#linesLeft = part.lines;
    this.#blocks = new BlockReader(store, part, chunkBytes, events.signal);
    this.#events = events;
  }

  get heldBytes(): number {
    return this.#blocks.heldBytes + this.#blockBytes;
  }

  /** Adds the lines of a metric to `found`. @returns a promise if it must be called again. */
  seek(order: string, isWanted: boolean, found: Uint8Array[]): undefined | Promise<void> {
    if (this.#state === 'unread' && !isWanted) {
      // Do not count the lines of a metric that is known, but not restored, if a later metric needs the part.
      this.#isCounted = false;
      this.#isTouched = true;
      return undefined;
    }
    this.#isTouched = true;
    for (;;) {
      const group = this.#group;
      if (!group) return this.#state === 'ended' ? undefined : this.#readBlock();
      const way = compareKeys(group.order, order);
      if (way >= 0) this.#isCounted = true;
      if (way > 0) return undefined;
      if (way === 0 && isWanted) found.push(group.bytes);
      if (way < 0 && this.#isCounted) this.#events.onOrphans(group.lines);
      this.#linesLeft -= group.lines;
      this.#advance();
    }
  }

  /** Counts the lines behind the last metric. */
  leave(): void {
    const isKnown = !this.#isTouched || (this.#state === 'read' && this.#isCounted);
    if (isKnown && this.#linesLeft > 0) this.#events.onOrphans(this.#linesLeft);
  }

  async #readBlock(): Promise<void> {
    this.#state = 'read';
    try {
      const block = await this.#blocks.next();
      this.#blockBytes = block?.lines.length ?? 0;
      if (block) this.#groups = groupsOf(block, this.#lastOrder);
      else this.#state = 'ended';
    } catch (error) {
      this.#events.signal.throwIfAborted();
      this.#damaged(error);
    }
    this.#advance();
  }

  #advance(): void {
    this.#group = undefined;
    try {
      const step = this.#groups?.next();
      if (step && !step.done) this.#group = this.#checked(step.value);
      else this.#groups = undefined;
    } catch (error) {
      this.#damaged(error);
    }
    if (this.#group) this.#lastOrder = this.#group.order;
  }

  #checked(group: LineGroup): LineGroup {
    if (compareKeys(this.first, group.order) <= 0 && compareKeys(group.order, this.last) <= 0) return group;
    const { key, first, last } = this.#part;
    throw new WhisperBackupError(
      'BAD_LINES',
      `Cannot use the journal part ${key}: it has lines of ${printable(group.metric)}, its index only those of ${printable(first)} to ${printable(last)}`,
    );
  }

  /** The remaining lines of the part are left. */
  #damaged(error: unknown): void {
    this.#groups = undefined;
    this.#blockBytes = 0;
    this.#state = 'ended';
    this.#events.onDamaged({ key: this.#part.key, code: codeOf(error), reason: reasonOf(error), error });
  }
}
