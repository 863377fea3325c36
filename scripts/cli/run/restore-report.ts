import { hostname } from 'node:os';
import { extname } from 'node:path';
import { UsageError } from '../../../config/errors.ts';
import { codeOf, reasonOf } from '../../../lib/common/errors.ts';
import type { MetricOutcome, RestoreWatcher } from '../../../lib/operations/restore/outcomes.ts';
import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';
import { NewFile } from '../io/new-file.ts';
import { HtmlReport } from '../text/html-report.ts';
import { JsonReport } from '../text/json-report.ts';
import { type ReportedRun, type ReportForm, totalsOf } from '../text/report-form.ts';
import { exitCodeOfSummary, exitCodes } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { version } from './version.ts';

const FORMS: Readonly<Record<string, new () => ReportForm>> = { '.json': JsonReport, '.html': HtmlReport };

/** What a report repeats of the command line and the configuration. Nothing that may have a secret. */
const REPORTED = {
  keys: [
    ...(['prefix', 'storagePath', 'storagePathRaw', 'metrics', 'exclude', 'overwrite', 'replaceDamaged'] as const),
    ...(['fallback', 'skipGone', 'includeDamaged', 'noJournal', 'owner'] as const),
  ],
  options: ['asOf', 'from', 'until', 'renameFile', 'schemas', 'retentions', 'aggregations'],
  flags: ['erase', 'merge'],
} as const;

/** The report of a restore, written to a file while the restore goes on. If that fails, the restore still ends. */
export class RestoreReport implements RestoreWatcher {
  readonly #invocation: Invocation;
  readonly #form: ReportForm;
  readonly #file: NewFile;
  readonly #seen = { created: 0, replaced: 0, filled: 0, unchanged: 0, failed: 0, skipped: 0, noBackup: 0 };
  #failure: unknown;

  /**
   * Opens the file given with `--report`; undefined without.
   *
   * @throws UsageError if its name has another ending.
   * @throws WhisperBackupError `REPORT_FILE` if it cannot be created.
   */
  static open(invocation: Invocation): RestoreReport | undefined {
    const file = invocation.option('report');
    if (file === undefined) return undefined;
    const Form = file.endsWith('/') ? undefined : FORMS[extname(file).toLowerCase()];
    if (!Form) throw new UsageError(`--report ${JSON.stringify(file)}: the name must end in .json or .html`);
    return new RestoreReport(invocation, new Form(), new NewFile(file));
  }

  private constructor(invocation: Invocation, form: ReportForm, file: NewFile) {
    this.#invocation = invocation;
    this.#form = form;
    this.#file = file;
    this.#attempt(() => file.write(form.start()));
  }

  get plotAbove(): number {
    return this.#form.plotAbove;
  }

  add(outcomes: readonly MetricOutcome[]): void {
    for (const { outcome } of outcomes) this.#seen[outcome]++;
    const text = this.#form.add(outcomes);
    this.#attempt(() => this.#file.write(text));
  }

  /**
   * Completes the report, and gives the file its name.
   *
   * @returns the summary, with `stopped` if only the report failed.
   */
  end(summary: RestoreSummary, date: Date | undefined): RestoreSummary {
    const run: ReportedRun = {
      host: hostname(),
      program: version(),
      date: date?.toISOString() ?? null,
      ended: new Date().toISOString(),
      options: this.#options(),
      totals: totalsOf(summary, this.#seen),
    };
    this.#attempt(() => {
      this.#file.write(this.#form.end(run, summary));
      this.#file.publish();
    });
    if (this.#failure === undefined) return summary;
    const [code, message] = [codeOf(this.#failure), reasonOf(this.#failure)];
    if (exitCodeOfSummary(summary) === exitCodes.done) return { ...summary, stopped: { code, message } };
    this.#invocation.log.error(message);
    return summary;
  }

  /** Removes an incomplete report. */
  discard(): void {
    this.#file.discard();
  }

  #attempt(write: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      write();
    } catch (error) {
      this.#failure = error;
    }
  }

  #options(): Record<string, unknown> {
    const { config, option, options } = this.#invocation;
    const given: readonly (readonly [string, unknown])[] = [
      ...REPORTED.keys.map((key) => [key, config[key]] as const),
      ...REPORTED.options.map((name) => [name, option(name)] as const),
      ...REPORTED.flags.map((name) => [name, option(name) === 'true'] as const),
      ['rename', options('rename')],
    ];
    return Object.fromEntries(given.filter(([, value]) => isGiven(value)));
  }
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false && value !== '';
}
