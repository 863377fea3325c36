import pMap from 'p-map';
import { hasJournal, type StoredMetric } from '../../bucket/metric.ts';
import type { Count, NoteCode } from '../../common/codes.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import type { Named } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import type { FileSystems } from '../../system/filesystems.ts';
import { explainSystemError } from '../../tree/place.ts';
import { countRemark } from '../../whisper/remark.ts';
import type { Remarked, Succeeded } from '../../workers/tasks/publish-task.ts';
import type { Replayed } from '../../workers/tasks/replay-lines.ts';
import type { RestoredFile } from '../../workers/tasks/restore-files.ts';
import { deviceOf } from '../../workers/trace.ts';
import type { Run } from '../shared/run.ts';
import { SecondPass } from '../shared/second-pass.ts';
import {
  type Attempt,
  firstAttempt,
  insteadOf,
  isGone,
  journalOf,
  namesOf,
  nextAttempt,
  type Target,
} from './attempts.ts';
import { DryRunSpace } from './dry-run-space.ts';
import { bytesOf, type JournaledMetric, type JournalSource } from './journal-source.ts';
import type { Outcomes } from './outcomes.ts';
import type { PublishedFile } from './published-files.ts';
import type { Publisher } from './publisher.ts';
import { Rechecks } from './rechecks.ts';
import type { RestoreOptions } from './restore.ts';
import { countWindow, hasPoints, windowText } from './restored-window.ts';

/** How many metrics are named that lose points to their new schema, or to expired runs of the journal: all may. */
const NAMED_AT_MOST = 20;

/** Restores single metrics, falls back to older backups, and counts the results. */
export class MetricRestorer {
  readonly #run: Run<RestoreOptions>;
  readonly #publisher: Publisher;
  readonly #written: FileSystems;
  readonly #targetOf: (stored: StoredMetric) => Target;
  readonly #rechecks: Rechecks;
  readonly #dryRunSpace = new DryRunSpace();
  readonly #later: SecondPass<Attempt>;
  readonly #outcomes: Outcomes;

  constructor(
    run: Run<RestoreOptions>,
    publisher: Publisher,
    written: FileSystems,
    journal: JournalSource,
    targetOf: (stored: StoredMetric) => Target,
    outcomes: Outcomes,
  ) {
    const { recheckAfterMs = 500, signal } = run.options;
    this.#run = run;
    this.#publisher = publisher;
    this.#written = written;
    this.#targetOf = targetOf;
    this.#outcomes = outcomes;
    this.#later = new SecondPass(run);
    this.#rechecks = new Rechecks({
      tally: run,
      recheck: (files) => publisher.recheck(files),
      // Even with --overwrite, keep points that carbon has written since.
      publish: async (files) => {
        const find = async (file: PublishedFile) => ({
          ...file,
          journal: hasJournal(file.backup) ? await journal.find(file.metric, file.backup.time) : [],
        });
        const found = await pMap(files, find, { concurrency: 1 });
        return publisher.publish(found, { overwrite: false, replaceDamaged: false });
      },
      afterMs: recheckAfterMs,
      concurrency: publisher.concurrency,
      signal,
      onFailed: (failed) => outcomes.left('failed', failed),
    });
  }

  /** @returns how many metrics were visited. */
  async visit(batch: readonly JournaledMetric[]): Promise<number> {
    await this.restoreBackups(batch.flatMap((found) => this.#choose(found) ?? []));
    return batch.length;
  }

  /** The metrics whose backups could not be fetched, but may be now that all others were visited. */
  again(): AsyncGenerator<readonly Attempt[]> {
    return this.#later.again();
  }

  async restoreBackups(first: readonly Attempt[]): Promise<void> {
    const { prefix, signal } = this.#run.options;
    let attempts = first;
    const published: PublishedFile[] = [];
    while (attempts.length > 0 && !signal.aborted) {
      const results = await this.#publisher.publish(
        attempts.map((attempt) => ({
          path: attempt.target.path,
          backup: attempt.backup,
          ...(attempt.schema && { schema: attempt.schema }),
          journal: journalOf(attempt),
        })),
      );
      published.push(...attempts.flatMap((attempt, i) => publishedFile(attempt, results[i]) ?? []));
      attempts = attempts.flatMap((attempt, i) => this.#process(attempt, results[i]) ?? []);
    }
    for (const { path, trace } of published) await this.#written.addOf(`${prefix}/${path}.wsp`, deviceOf(trace));
    await this.#rechecks.add(published);
    await this.#outcomes.flush();
  }

  /** Makes published files durable, and checks that no other process has undone them. */
  async finish(): Promise<void> {
    await this.#written.sync();
    await this.#rechecks.finish();
    if (this.#run.get('refilled') > 0) await this.#written.sync();
    await this.#outcomes.flush();
  }

  /** Chooses the backup to restore a metric from, if any. */
  #choose(found: JournaledMetric): Attempt | undefined {
    const run = this.#run;
    const { date, fallback, skipGone } = run.options;
    const { stored } = found;
    const { metric } = stored;
    for (const { key } of stored.loneSha1s)
      run.note({ metric, code: 'LONE_SHA1', reason: `${key} is a checksum without data: damage` });
    const attempt = firstAttempt(found, this.#targetOf(stored), date, fallback);
    if (attempt && skipGone && isGone(stored, date)) {
      const gone = { metric, code: 'GONE', reason: 'it was not in the local tree at that date' } as const;
      run.skip(gone);
      this.#outcomes.left('skipped', gone);
      return undefined;
    }
    if (!attempt) {
      run.add('noBackup');
      this.#outcomes.left('noBackup', { metric, code: 'NO_BACKUP', reason: whyNoBackup(stored) });
      return undefined;
    }
    run.add('metrics');
    return this.#withSchema(attempt);
  }

  #withSchema(attempt: Attempt): Attempt {
    const { schemaOf } = this.#run.options;
    try {
      return schemaOf ? { ...attempt, schema: schemaOf(attempt.target.path) } : attempt;
    } catch (error) {
      const reason = `restored with the schema that it has: its new one cannot be found: ${reasonOf(error)}`;
      this.#run.fail({ ...namesOf(attempt), code: codeOf(error), reason });
      return attempt;
    }
  }

  /** Counts a result. @returns the next attempt, if the backup was damaged and there is an older one. */
  #process(attempt: Attempt, restored: RestoredFile | undefined): Attempt | undefined {
    const run = this.#run;
    if (!restored) return undefined;
    const names = namesOf(attempt);
    const result = this.#checkSpace(attempt.target.path, restored);
    run.add('bytesFetched', result.fetched);
    if (result.outcome === 'skipped') {
      const { code, reason } = result;
      run.skip({ ...names, code, reason });
      this.#outcomes.left('skipped', { ...names, code, reason });
      return undefined;
    }
    if (result.outcome !== 'failed') {
      this.#count(names, result);
      run.use(attempt.backup.time);
      this.#outcomes.restored(names, attempt.backup, result);
      return undefined;
    }
    if (run.options.signal.aborted) return undefined;
    const { backupDamaged, code, reason } = result;
    if (this.#later.defer(attempt, code, bytesOf(attempt.journal))) return undefined;
    const next = backupDamaged ? nextAttempt(attempt) : undefined;
    if (next) {
      run.add('fallbacks');
      run.note({ ...names, code, reason: `${reason}: fell back to an older backup` });
      return next;
    }
    const { key } = attempt.backup.object;
    const backup = backupDamaged && { key, instead: insteadOf(attempt, run.options.date) };
    run.fail({ ...names, code, reason, ...(backup && { backup }) });
    this.#outcomes.left('failed', { ...names, code, reason });
    return undefined;
  }

  /** In a dry run, turns a result into a failure if the files before it would have used up the space. */
  #checkSpace(path: string, result: RestoredFile): RestoredFile {
    if (result.outcome !== 'restored' || !result.space || this.#dryRunSpace.take(result.space)) return result;
    const file = `${this.#run.options.prefix}/${path}.wsp`;
    const error = explainSystemError(Object.assign(new Error(), { code: 'ENOSPC' }), `restore ${file}`);
    const { fetched } = result;
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: false, fetched };
  }

  #count(names: Pick<Named, 'metric' | 'target'>, result: Succeeded): void {
    const { metric, target } = names;
    const run = this.#run;
    const { dryRun, report } = run.options;
    run.add(result.outcome);
    if (result.outcome === 'restored' && result.isReplaced) run.add('replaced');
    run.add('bytesRestored', result.bytes);
    if (result.remark) countRemark(metric, result.remark, run);
    if (result.replayed) this.#countReplayed(names, result.replayed);
    if (result.outcome === 'backfilled') run.add('pointsFilled', result.filled);
    if (result.left) this.#countReshaped(names, result.left);
    if (result.window) countWindow(run, names, result.window);
    const outcome = `${dryRun ? 'would be ' : ''}${outcomeText(result)}`;
    if (target === undefined) {
      if (dryRun && result.window && hasPoints(result.window))
        report.log('info', `${metric}: ${outcome}`, 'metrics with points in the window (--json lists more)');
      else report.log('debug', `${metric}: ${outcome}`);
    } else {
      run.rename({ metric, target, outcome: result.outcome });
      report.log('info', `${metric} -> ${target}: ${outcome}`, 'metrics with a new name');
    }
  }

  #countReshaped(
    names: Pick<Named, 'metric' | 'target'>,
    { stepsLeft, aheadLeft }: NonNullable<Remarked['left']>,
  ): void {
    this.#run.add('reshaped');
    if (stepsLeft.length > 0) {
      const reason = `no step of its new schema is a multiple of ${stepsLeft.join(' or ')} s, so points of that step were left out`;
      this.#noteFirst('stepsLeft', { ...names, code: 'STEPS_LEFT', reason });
    }
    if (aheadLeft > 0) {
      const reason = `${aheadLeft} points that are ahead of the clock have no place in its new schema, so they were left out`;
      this.#noteFirst('aheadLeft', { ...names, code: 'AHEAD_LEFT', reason });
    }
  }

  /** Counts a metric, and names it if it is one of the first. */
  #noteFirst(count: Count, named: Named<NoteCode>): void {
    this.#run.add(count);
    if (this.#run.get(count) <= NAMED_AT_MOST) this.#run.note(named);
  }

  #noteGap(names: Pick<Named, 'metric' | 'target'>, first: number): void {
    const reason = `points before ${formatTimestamp(new Date(first * 1000))} are missing: the journal runs that had them have expired or cannot be read`;
    this.#noteFirst('journalGaps', { ...names, code: 'JOURNAL_GAP', reason });
  }

  #countReplayed(names: Pick<Named, 'metric' | 'target'>, { points, newest, malformed, gap }: Replayed): void {
    const run = this.#run;
    if (gap !== undefined) this.#noteGap(names, gap);
    if (points > 0) {
      run.add('pointsReplayed', points);
      run.reach(new Date(newest * 1000));
    }
    if (malformed === 0) return;
    run.add('journalLinesLeft', malformed);
    const reason = `restored without ${malformed} lines of the journal that are not points: verify --read-data names their parts`;
    run.fail({ ...names, code: 'BAD_LINES', reason });
  }
}

function outcomeText({ outcome, window, ...result }: Succeeded): string {
  if (window && hasPoints(window)) {
    const change = outcome === 'backfilled' ? 'changed in the window' : outcome;
    return `${change} (${windowText(window)})`;
  }
  return 'filled' in result ? `${outcome} (${result.filled} points)` : outcome;
}

function publishedFile(attempt: Attempt, result: RestoredFile | undefined): PublishedFile | undefined {
  if (result?.outcome !== 'restored' && result?.outcome !== 'backfilled') return undefined;
  const { outcome, trace } = result;
  const { target, backup, schema } = attempt;
  const shape = { ...(schema && { schema }), ...(outcome === 'restored' && result.isReplaced && { isReplaced: true }) };
  return trace && { ...namesOf(attempt), ...shape, path: target.path, backup, outcome, trace, again: 0 };
}

function whyNoBackup({ backups: [oldest] }: StoredMetric): string {
  return oldest ? `its oldest backup is of ${formatTimestamp(oldest.time)}` : 'it has no backup';
}
