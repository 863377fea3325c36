import { codeOf, reasonOf } from '../common/errors.ts';
import { compareKeys } from '../common/order.ts';
import type { ObjectStore } from '../store/store.ts';
import { decodePart, fetchPart, groupsOf, type LineGroup, type StoredPart } from './part-file.ts';
import type { JournalLines } from './points.ts';
import type { JournalEvents, JournalRun } from './runs.ts';

interface ReaderEvents extends JournalEvents {
  /** Called with the lines of metrics for which nothing has asked, as far as their parts are read. */
  readonly onOrphans: (lines: number) => void;
}

/**
 * Returns the lines of one metric after the other, in key order, from all runs of a journal. Holds one part of each run
 * in memory, from its first needed metric to its last, and reads no part that no metric needs.
 */
export class JournalReader {
  readonly #cursors: readonly RunCursor[];

  constructor(store: ObjectStore, runs: readonly JournalRun[], events: ReaderEvents) {
    this.#cursors = runs.map((run) => new RunCursor(store, run, events));
  }

  /**
   * Returns the lines of a metric, in the order of the runs. Must be called in key order, for every metric that has a
   * backup.
   *
   * @param since leave out older runs; undefined if no lines are needed.
   */
  linesOf(order: string, since: Date | undefined): readonly JournalLines[] | Promise<readonly JournalLines[]> {
    const found: JournalLines[] = [];
    const waits: Promise<void>[] = [];
    for (const cursor of this.#cursors) {
      const wait = cursor.seek(order, since !== undefined && cursor.run.until >= since, found);
      if (wait) waits.push(wait);
    }
    if (waits.length === 0) return found;
    return Promise.all(waits).then(() => found.sort((a, b) => a.until - b.until));
  }

  /** Counts the lines behind the last metric. */
  finish(): void {
    for (const cursor of this.#cursors) cursor.finish();
  }
}

class RunCursor {
  readonly run: JournalRun;
  readonly #store: ObjectStore;
  readonly #events: ReaderEvents;
  readonly #until: number;
  #part = 0;
  /** Whether a metric was asked for that may be in the current part. */
  #isTouched = false;
  #groups: Iterator<LineGroup> | undefined;
  #group: LineGroup | undefined;
  #ahead: { readonly part: StoredPart; readonly body: Promise<Uint8Array> } | undefined;

  constructor(store: ObjectStore, run: JournalRun, events: ReaderEvents) {
    this.run = run;
    this.#store = store;
    this.#events = events;
    this.#until = run.until.getTime() / 1000;
  }

  seek(order: string, isWanted: boolean, found: JournalLines[]): undefined | Promise<void> {
    for (;;) {
      const part = this.run.parts[this.#part];
      if (!part || compareKeys(order, `${part.first}/`) < 0) return undefined;
      if (compareKeys(order, `${part.last}/`) > 0) {
        this.#leave(part);
        continue;
      }
      const wasTouched = this.#isTouched;
      this.#isTouched = true;
      if (!this.#groups) {
        if (!isWanted) return undefined;
        return this.#open(part).then(() => {
          // Some of the lines before it are of metrics that did not need them.
          while (wasTouched && this.#group && compareKeys(this.#group.order, order) < 0) this.#advance(part);
          return this.seek(order, isWanted, found);
        });
      }
      while (this.#group && compareKeys(this.#group.order, order) < 0) {
        this.#events.onOrphans(this.#group.lines);
        this.#advance(part);
      }
      if (this.#group?.order === order) {
        // A copy: it is sent to a thread, which would get the whole part.
        if (isWanted) found.push({ until: this.#until, lines: Uint8Array.from(this.#group.bytes) });
        this.#advance(part);
      }
      // A metric with very many lines continues in the next part.
      if (part.last !== order.slice(0, -1) || this.run.parts[this.#part + 1]?.first !== part.last) return undefined;
      this.#leave(part);
    }
  }

  finish(): void {
    for (;;) {
      const part = this.run.parts[this.#part];
      if (!part) return;
      this.#leave(part);
    }
  }

  #leave(part: StoredPart): void {
    if (!this.#isTouched) this.#events.onOrphans(part.lines);
    while (this.#group) {
      this.#events.onOrphans(this.#group.lines);
      this.#advance(part);
    }
    this.#groups = undefined;
    this.#isTouched = false;
    this.#part++;
  }

  async #open(part: StoredPart): Promise<void> {
    const { signal } = this.#events;
    const ahead = this.#ahead?.part === part ? this.#ahead.body : undefined;
    this.#ahead = undefined;
    const next = this.run.parts[this.#part + 1];
    try {
      const body = await (ahead ?? fetchPart(this.#store, part, signal));
      this.#groups = groupsOf(part, await decodePart(part, body));
      if (next) {
        const body = fetchPart(this.#store, next, signal);
        // Reported when it is needed.
        body.catch(() => {});
        this.#ahead = { part: next, body };
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#damaged(part, error);
    }
    this.#advance(part);
  }

  #advance(part: StoredPart): void {
    this.#group = undefined;
    try {
      const step = this.#groups?.next();
      if (step && !step.done) this.#group = step.value;
    } catch (error) {
      this.#damaged(part, error);
    }
  }

  /** The remaining lines of the part are left. */
  #damaged({ key }: StoredPart, error: unknown): void {
    this.#groups = [][Symbol.iterator]();
    this.#events.onDamaged({ key, code: codeOf(error), reason: reasonOf(error), error });
  }
}
