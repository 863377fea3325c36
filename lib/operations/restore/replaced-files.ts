import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { hasHold, writeHold } from '../../bucket/hold-file.ts';
import { backupsBefore, replacedDate, type StoredMetric } from '../../bucket/metric.ts';
import { isClaimedBy } from '../../bucket/owner.ts';
import { GuardError } from '../../common/errors.ts';
import { batched } from '../../common/pages.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { makeStoreError, StoreError } from '../../store/errors.ts';
import { readHeader } from '../../tree/read-header.ts';
import type { LocalFile } from '../../tree/walk.ts';
import { differsFrom } from '../../whisper/reshape.ts';
import type { StoredFile } from '../../workers/tasks/store-files.ts';
import { Uploads } from '../backup/uploads.ts';
import { isInPart } from '../shared/part.ts';
import type { Run } from '../shared/run.ts';
import { type Surveyed, survey } from '../shared/survey.ts';
import { Visits } from '../shared/visits.ts';
import { isVisited } from './attempts.ts';
import type { Outcomes } from './outcomes.ts';
import type { RestoreOptions } from './restore.ts';
import type { Targets } from './targets.ts';
import { undoText } from './undo-text.ts';

/** A local file that the restore may replace. */
interface FileToReplace {
  readonly metric: string;
  readonly local: LocalFile;
  readonly stored: StoredMetric | undefined;
}

const BATCH = { items: 128, weight: 2 ** 22 };

/** Stores the local files that a restore will replace, wholly or in a window, under a hold. They are not backups: no other restore takes them. */
export class ReplacedFiles {
  readonly #run: Run<RestoreOptions>;
  readonly #targets: Targets;
  readonly #outcomes: Outcomes;
  /** Metrics whose file could not be stored. They are not restored. */
  readonly #failed = new Set<string>();
  #refusal: string | undefined;

  constructor(run: Run<RestoreOptions>, targets: Targets, outcomes: Outcomes) {
    this.#run = run;
    this.#targets = targets;
    this.#outcomes = outcomes;
  }

  /**
   * Stores every local file that the restore may replace and that differs from its newest backup. Writes the hold before
   * the first of them, so that an interrupted restore leaves none without a hold. Stores nothing in a bucket of another
   * machine or tree, where the restore of a window is refused.
   *
   * @returns the name of the hold; undefined if nothing will be replaced, and in a dry run.
   * @throws StoreError if the bucket or the hold cannot be used.
   * @throws GuardError `UNMARKED_BUCKET` if a window is to be changed whose state before cannot be stored.
   */
  async store(): Promise<string | undefined> {
    try {
      return await this.#store();
    } catch (error) {
      this.#run.options.signal.throwIfAborted();
      if (!(error instanceof StoreError)) throw error;
      const what = `Cannot store the files that the restore would replace: ${error.message.replace(/\.$/, '')}`;
      const message = `${what}: nothing was replaced. Solve this, and run the restore again.`;
      throw makeStoreError(error.code, message, { cause: error }) ?? error;
    }
  }

  async #store(): Promise<string | undefined> {
    const run = this.#run;
    const { options, store } = run;
    const { prefix, report, signal } = options;
    if (!existsSync(prefix) || !(await this.#mayStore())) return undefined;
    const { name, time } = await this.#nextHold();
    let hold: Promise<void> | undefined;
    const rules = { layout: 'native', includeDamaged: false, format: {}, replacedAt: time } as const;
    const uploads = new Uploads(store, { ...options, ...rules });
    try {
      const visits = new Visits(run, { phase: 'Storing the state before', concurrency: uploads.concurrency });
      const found = visits.untilStopped(this.#filesToReplace(time), (page) => page.length);
      const batches = batched(found, ({ local }) => Math.max(2 ** 17, local.stat?.size ?? 0), BATCH);
      const storeBatch = async (files: readonly FileToReplace[]) => {
        hold ??= this.#writeHold(name, time);
        await hold;
        return this.#storeBatch(files, uploads);
      };
      for await (const files of visits.each(batches, storeBatch)) visits.advance(files);
    } finally {
      await uploads.close();
    }
    run.throwIfStopped();
    if (!hold) return undefined;
    if (options.dryRun) {
      report.log(
        'info',
        'The state before would be stored under a hold, and the restore would print how to restore it',
      );
      return undefined;
    }
    await store.flush({ signal });
    const undo = undoText(options, this.#targets, replacedDate(time));
    report.log(
      'info',
      `The hold ${name} keeps the state before this restore; ${undo}; ` +
        `when it is not needed any more: hold release ${name}`,
    );
    return name;
  }

  /** @throws GuardError if nothing may be stored, but a window is to be changed. */
  async #mayStore(): Promise<boolean> {
    const { options, store } = this.#run;
    const { dryRun, machine, prefix, report, signal, window } = options;
    const claimant = machine && { machine, prefix: resolve(prefix) };
    if (claimant && (await isClaimedBy(store, options, claimant, signal))) return true;
    const why = `${store.name} is not marked as the bucket of this host and tree`;
    if (!window || !machine) {
      report.log('warn', `The state before the restore is not stored: ${why}. What is replaced is lost.`);
      return false;
    }
    const message =
      `Cannot restore a window: the state before cannot be stored: ${why}. ` +
      'Run a backup, which marks it; or restore into another --prefix, and fill the window from there.';
    if (!dryRun) throw new GuardError('UNMARKED_BUCKET', message);
    // A dry run shows the changes, and then fails as the restore would.
    this.#refusal = message;
    return false;
  }

  /** Stops a dry run, at its end, whose restore would have been refused. */
  stopIfRefused(): void {
    if (this.#refusal !== undefined) this.#run.stop('UNMARKED_BUCKET', this.#refusal);
  }

  /** Returns whether a metric may be restored: not if the file that it replaces could not be stored. */
  mayReplace(metric: string): boolean {
    return !this.#failed.has(this.#targets.renaming.targetOf(metric));
  }

  /** @param time of the replaced files. */
  async *#filesToReplace(time: Date): AsyncGenerator<FileToReplace[]> {
    const { options, store } = this.#run;
    const { signal } = options;
    // A restore under other names may replace files that it does not select.
    const all = this.#targets.renaming.isEmpty ? {} : { metrics: '*', exclude: [] };
    // The restore itself counts and reports what the listing and the tree have.
    for await (const page of survey(store, { ...options, ...all }, { stat: true, signal, onDisorder() {} }))
      yield page.flatMap((item) => {
        if (item.kind === 'blind' || !item.local || !this.#mayBeReplaced(item)) return [];
        const { local, metric, stored } = item;
        const newest = stored?.backups.at(-1);
        // The undo of a window takes no backups. A backup of the future is not what a restore to this time takes.
        const isComparable = !options.window && newest && newest.time <= time;
        return [{ metric, local, stored: isComparable ? stored : undefined }];
      });
  }

  /** With other names, does not look whether the metrics that would replace it have a backup. */
  #mayBeReplaced({ metric, local, stored }: Surveyed): boolean {
    const { renaming, isSelected } = this.#targets;
    const { date, overwrite, part, window } = this.#run.options;
    if (!overwrite && !window && !(local && this.#getsOtherSchema(local))) return false;
    if (!renaming.isEmpty) return renaming.sourcesOf(metric).some(isSelected);
    if (!stored || !isVisited(stored, this.#run.options)) return false;
    return backupsBefore(stored, date).length > 0 && (!part || isInPart(metric, part));
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
  async #storeBatch(batch: readonly FileToReplace[], uploads: Uploads): Promise<number> {
    const results = await uploads.storeFiles(batch);
    for (const [i, { metric }] of batch.entries()) this.#count(metric, results[i]);
    await this.#outcomes.flush();
    return batch.length;
  }

  #count(metric: string, result: StoredFile | undefined): void {
    const run = this.#run;
    if (!result || run.options.signal.aborted) return;
    if (result.outcome === 'failed') {
      const { code, reason } = result;
      // The restore moves a damaged file aside: a backup of it would count as failed in every check.
      if (code === 'EMPTY' || code.startsWith('WHISPER_')) return;
      this.#failed.add(metric);
      const remedy = 'it was not restored: move the file away to restore it without';
      const failed = { metric, code, reason: `The state before the restore cannot be stored: ${reason}: ${remedy}` };
      run.fail(failed);
      this.#outcomes.left('failed', failed);
    } else if (result.outcome === 'stored') {
      run.add('stored');
      run.add('bytesStored', result.backup.object.size);
    }
  }

  async #writeHold(name: string, time: Date): Promise<void> {
    const { began, options, store } = this.#run;
    const metrics = this.#targets.renaming.isEmpty ? options.metrics : '*';
    const reason = `the state before a restore ${howOf(options)}`;
    await writeHold(
      store,
      options,
      { name, created: began, date: replacedDate(time), metrics, reason },
      options.signal,
    );
  }

  /** Returns the name of the hold, and the time of the replaced files, which are those of no other hold. */
  async #nextHold(): Promise<{ readonly name: string; readonly time: Date }> {
    const { began, options, store } = this.#run;
    const seconds = Math.floor(began.getTime() / 1000);
    for (let time = new Date(seconds * 1000); ; time = new Date(time.getTime() + 1000)) {
      const name = `before-restore-${formatTimestamp(time)}`;
      if (!(await hasHold(store, options, name, options.signal))) return { name, time };
    }
  }
}

function howOf({ overwrite, window }: Pick<RestoreOptions, 'overwrite' | 'window'>): string {
  if (window) {
    const [from, until] = [formatTimestamp(window.from), formatTimestamp(window.until)];
    return `of the window from ${from} to ${until}${window.erase ? ' with --erase' : ''}`;
  }
  return overwrite ? 'with --overwrite' : 'with another schema';
}
