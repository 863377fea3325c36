import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { hasHold, readHolds, writeHold } from '../../bucket/hold-file.ts';
import { type Backup, backupsBefore, type StoredMetric } from '../../bucket/metric.ts';
import { isClaimedBy } from '../../bucket/owner.ts';
import { globToRegExp } from '../../common/glob.ts';
import { batched } from '../../common/pages.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { readHeader } from '../../tree/read-header.ts';
import type { LocalFile } from '../../tree/walk.ts';
import { differsFrom } from '../../whisper/reshape.ts';
import type { StoredFile } from '../../workers/tasks/store-files.ts';
import { Uploads } from '../backup/uploads.ts';
import { isInPart } from '../shared/part.ts';
import type { Run } from '../shared/run.ts';
import { type Surveyed, survey } from '../shared/survey.ts';
import { Visits } from '../shared/visits.ts';
import type { RestoreOptions } from './restore.ts';
import type { Targets } from './targets.ts';

/** A local file that the restore would replace. */
interface Doomed {
  readonly metric: string;
  readonly local: LocalFile;
  readonly stored: StoredMetric | undefined;
  readonly after: Date;
}

const BATCH = { items: 128, weight: 2 ** 22 };

/**
 * The state of the local files before a restore replaces them: stored as backups, which a hold keeps. The restore itself
 * must not take these backups.
 */
export class StateBefore {
  readonly #run: Run<RestoreOptions>;
  readonly #targets: Targets;
  /** The second in which the restore began: backups up to it are not the state before. */
  readonly #began: Date;
  readonly #keys = new Set<string>();
  /** Metrics whose state could not be stored. They are not restored. */
  readonly #failed = new Set<string>();
  /** Time of the newest backup that the hold must keep. */
  #newest = 0;
  /** Time of the newest backup that was stored. */
  #stored: number | undefined;
  /** Backups that earlier restores stored as their state before. */
  #earlier: readonly { readonly isMatch: RegExp; readonly from: Date; readonly until: Date }[] = [];

  constructor(run: Run<RestoreOptions>, targets: Targets) {
    this.#run = run;
    this.#targets = targets;
    this.#began = new Date(Math.floor(run.began.getTime() / 1000) * 1000);
  }

  /**
   * Reads from the holds which backups earlier restores stored. A restore to now does not take them: otherwise a second one
   * would bring back what the first one replaced. One to the date of the hold does.
   */
  async findEarlier(): Promise<void> {
    const { began, options, store } = this.#run;
    const { date, report, signal } = options;
    if (date && date <= began) return;
    for (const hold of await readHolds(store, options, signal)) {
      if (!('name' in hold))
        report.log('warn', `Cannot read the hold ${hold.key}: ${hold.reason}. Backups that it names may be restored.`);
      else if (hold.stored && hold.date.getTime() !== date?.getTime())
        this.#earlier = [...this.#earlier, { isMatch: globToRegExp(hold.metrics), ...hold.stored }];
    }
  }

  /**
   * Stores every local file that the restore may replace and that differs from its newest backup, and adds the hold.
   * Stores nothing in a bucket of another machine or tree, where it would look like a backup of that one.
   *
   * @returns the name of the hold; undefined if nothing will be replaced.
   * @throws StoreError
   */
  async store(): Promise<string | undefined> {
    const run = this.#run;
    const { options, store } = run;
    const { machine, prefix, report, signal } = options;
    if (!existsSync(prefix)) return undefined;
    const claimant = machine && { machine, prefix: resolve(prefix) };
    if (!claimant || !(await isClaimedBy(store, options, claimant, signal))) {
      const why = `${store.name} is not marked as the bucket of this host and tree`;
      report.log('warn', `The state before the restore is not stored: ${why}. Files that are replaced are lost.`);
      return undefined;
    }
    const uploads = new Uploads(store, { ...options, layout: 'native', includeDamaged: false, format: {} });
    try {
      const visits = new Visits(run, { phase: 'Storing the state before', concurrency: uploads.concurrency });
      const found = visits.untilStopped(this.#doomed(), (page) => page.length);
      const batches = batched(found, ({ local }) => Math.max(2 ** 17, local.stat?.size ?? 0), BATCH);
      for await (const files of visits.each(batches, (batch) => this.#storeBatch(batch, uploads)))
        visits.advance(files);
    } finally {
      await uploads.close();
    }
    run.throwIfStopped();
    if (this.#newest === 0) return undefined;
    await store.flush({ signal });
    // Not a whole second, so that only who means this hold gives this date.
    const date = new Date(this.#newest + 1);
    const name = await this.#freeName();
    const metrics = this.#targets.renaming.isEmpty ? options.metrics : '*';
    const why = options.overwrite ? '--overwrite' : 'another schema';
    const reason = `the state before a restore with ${why}`;
    const from = new Date(this.#began.getTime() + 1000);
    const stored = this.#stored !== undefined && { stored: { from, until: new Date(this.#stored) } };
    await writeHold(store, options, { name, created: run.began, date, metrics, reason, ...stored }, signal);
    report.log(
      'info',
      `The hold ${name} keeps the state before this restore: restore it with --date ${date.toISOString()}; when it is ` +
        `not needed any more, use "hold release ${name}"`,
    );
    return name;
  }

  /** Leaves out the backups of the state before this restore, and before earlier ones. */
  without(page: readonly StoredMetric[]): readonly StoredMetric[] {
    if (this.#keys.size + this.#earlier.length === 0) return page;
    return page.map((stored) => {
      const windows = this.#earlier.filter(({ isMatch }) => isMatch.test(stored.metric));
      const isBefore = ({ object, time }: Backup) =>
        this.#keys.has(object.key) || windows.some(({ from, until }) => time >= from && time <= until);
      return { ...stored, backups: stored.backups.filter((backup) => !isBefore(backup)) };
    });
  }

  /** Returns whether a metric may be restored: not if the state before of its file could not be stored. */
  mayReplace(metric: string): boolean {
    return !this.#failed.has(this.#targets.renaming.targetOf(metric));
  }

  async *#doomed(): AsyncGenerator<Doomed[]> {
    const { options, store } = this.#run;
    const { signal } = options;
    // A restore under other names may replace files that it does not select.
    const all = this.#targets.renaming.isEmpty ? {} : { metrics: '*', exclude: [] };
    // The restore itself counts and reports what the listing and the tree have.
    for await (const page of survey(store, { ...options, ...all }, { stat: true, signal, onDisorder() {} }))
      yield page.flatMap((item) => {
        if (item.kind === 'blind' || !item.local || !this.#mayBeReplaced(item)) return [];
        const { local, metric, stored } = item;
        return [{ metric, local, stored, after: this.#began }];
      });
  }

  /** With other names, does not look whether the metrics that would replace it have a backup. */
  #mayBeReplaced({ metric, local, stored }: Surveyed): boolean {
    const { renaming, isSelected } = this.#targets;
    const { date, overwrite, part } = this.#run.options;
    if (!overwrite && !(local && this.#getsOtherSchema(local))) return false;
    if (!renaming.isEmpty) return renaming.sourcesOf(metric).some(isSelected);
    return stored !== undefined && backupsBefore(stored, date).length > 0 && (!part || isInPart(metric, part));
  }

  #getsOtherSchema({ path, file }: LocalFile): boolean {
    const { schemaOf } = this.#run.options;
    try {
      const found = readHeader(file);
      return schemaOf !== undefined && found !== undefined && differsFrom(found.header, schemaOf(path));
    } catch {
      // The restore reports why it does not replace the file.
      return false;
    }
  }

  /** @returns how many files were visited. */
  async #storeBatch(batch: readonly Doomed[], uploads: Uploads): Promise<number> {
    const results = await uploads.storeFiles(batch);
    for (const [i, doomed] of batch.entries()) this.#count(doomed, results[i]);
    return batch.length;
  }

  #count({ metric, stored }: Doomed, result: StoredFile | undefined): void {
    const run = this.#run;
    if (!result || run.options.signal.aborted) return;
    if (result.outcome === 'failed') {
      const { code, reason } = result;
      // The restore moves a damaged file aside: a backup of it would count as failed in every check.
      if (code === 'EMPTY' || code.startsWith('WHISPER_')) return;
      this.#failed.add(metric);
      const remedy = 'it was not restored: move the file away to restore it without';
      run.fail({ metric, code, reason: `The state before the restore cannot be stored: ${reason}: ${remedy}` });
    } else if (result.outcome === 'stored') {
      run.add('stored');
      run.add('bytesStored', result.backup.object.size);
      this.#keys.add(result.backup.object.key);
      this.#newest = Math.max(this.#newest, result.backup.time.getTime());
      this.#stored = Math.max(this.#stored ?? 0, result.backup.time.getTime());
    } else if (result.outcome === 'unchanged') {
      this.#newest = Math.max(this.#newest, stored?.backups.at(-1)?.time.getTime() ?? 0);
    }
  }

  async #freeName(): Promise<string> {
    const { began, options, store } = this.#run;
    for (let time = began.getTime(); ; time += 1000) {
      const name = `before-restore-${formatTimestamp(new Date(time))}`;
      if (!(await hasHold(store, options, name, options.signal))) return name;
    }
  }
}
