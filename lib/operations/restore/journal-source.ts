import { backupsBefore, type StoredMetric } from '../../bucket/metric.ts';
import type { JournalLines } from '../../journal/points.ts';
import { JournalReader } from '../../journal/reader.ts';
import { type JournalRun, journalRuns, partsWith } from '../../journal/runs.ts';
import { journalEvents } from '../shared/journal-events.ts';
import type { Run } from '../shared/run.ts';
import type { RestoreOptions } from './restore.ts';

/** A metric and the lines that the journal has for it. */
export interface JournaledMetric {
  readonly stored: StoredMetric;
  readonly journal: readonly JournalLines[];
}

/** A page has at most about this many bytes of lines: a thousand metrics may have hundreds of runs. */
const PAGE_BYTES = 2 ** 20;

/** Adds to each metric its journal lines, from the run after the oldest backup on that the restore may use. */
export class JournalSource {
  readonly #run: Run<RestoreOptions>;
  readonly #runs: readonly JournalRun[];
  #reader: JournalReader;
  /** The keys of damaged objects that were named. */
  readonly #damaged = new Set<string>();

  private constructor(run: Run<RestoreOptions>, runs: readonly JournalRun[]) {
    this.#run = run;
    this.#runs = runs;
    this.#reader = this.#read({ isFirst: true });
  }

  /** @throws StoreError if the bucket cannot be listed. */
  static async open(run: Run<RestoreOptions>): Promise<JournalSource> {
    const { store, options } = run;
    const { date, journal, signal } = options;
    const events = journalEvents(signal, ({ key, code, reason }) => run.fail({ metric: key, code, reason }));
    const runs = journal === false ? [] : await journalRuns(store, options, { ...events, ...(date && { date }) });
    return new JournalSource(run, runs);
  }

  /** Must be called for all metrics of the bucket, in their order. @param isNeeded whether it is restored. */
  async *add(
    page: readonly StoredMetric[],
    isNeeded: (stored: StoredMetric) => boolean,
  ): AsyncGenerator<JournaledMetric[]> {
    let metrics: JournaledMetric[] = [];
    let bytes = 0;
    for (const stored of page) {
      const needed = isNeeded(stored);
      const since = needed ? this.#since(stored) : undefined;
      const found = this.#linesOf(stored, since);
      // Awaiting each metric would take longer than the search.
      const journal = found instanceof Promise ? await found : found;
      if (!needed) continue;
      metrics.push({ stored, journal });
      bytes += bytesOf(journal);
      if (bytes < PAGE_BYTES) continue;
      yield metrics;
      metrics = [];
      bytes = 0;
    }
    yield metrics;
  }

  /** Ends a pass over all metrics; the next one may begin. Damage and orphans count once. */
  finish(): void {
    this.#reader.finish();
    this.#reader = this.#read({ isFirst: false });
  }

  #read({ isFirst }: { readonly isFirst: boolean }): JournalReader {
    const { store, options } = this.#run;
    const onOrphans = (lines: number) => this.#run.add('journalLinesLeft', isFirst ? lines : 0);
    return new JournalReader(store, this.#runs, { ...this.#events(options.signal), onOrphans });
  }

  #events(signal: AbortSignal) {
    return journalEvents(signal, ({ key, code, reason }) => {
      if (this.#damaged.has(key)) return;
      this.#damaged.add(key);
      this.#run.fail({ metric: key, code, reason });
    });
  }

  #linesOf({ metric, order }: StoredMetric, since: Date | undefined) {
    // All that the bucket has of it are pairs of the Python tool, which are listed elsewhere than its lines.
    if (order !== `${metric}/`) return since === undefined ? [] : this.find(metric, since);
    return this.#reader.linesOf(order, since);
  }

  /** Reads the lines of one metric, at any time. */
  async find(metric: string, since: Date): Promise<readonly JournalLines[]> {
    const { store, options } = this.#run;
    const order = `${metric}/`;
    const runs = this.#runs
      .filter(({ until }) => until >= since)
      .map((run) => ({ ...run, parts: partsWith(run, order) }));
    const events = { ...this.#events(options.signal), onOrphans() {} };
    return new JournalReader(store, runs, events).linesOf(order, since);
  }

  #since(stored: StoredMetric): Date | undefined {
    const { date, fallback } = this.#run.options;
    const backups = backupsBefore(stored, date);
    return (fallback ? backups[0] : backups.at(-1))?.time;
  }
}

export function bytesOf(journal: readonly JournalLines[]): number {
  return journal.reduce((sum, { lines }) => sum + lines.length, 0);
}
