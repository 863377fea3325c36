import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../../config/errors.ts';
import { codeOf } from '../../../lib/common/errors.ts';
import { makeDirectories } from '../../../lib/system/make-directories.ts';
import { readRegularFile } from '../../../lib/system/regular-file.ts';
import type { Given } from './options.ts';

/** The progress of one step. */
interface Entry {
  readonly id: string;
  readonly began: string;
  readonly ended?: string;
  readonly problem?: string;
  /** An operator has skipped the step that stopped. */
  readonly passed?: true;
}

interface Content {
  readonly version: 1;
  readonly runbook: string;
  readonly record: Given['record'];
  readonly started: string;
  readonly steps: readonly Entry[];
  readonly finished?: string;
}

export interface JournalPlace {
  readonly directory: string;
  readonly runbook: string;
  /** The host or group of the run. */
  readonly subject: string;
  /** Whether a stopped run may be discarded without asking. */
  readonly isRehearsal: boolean;
}

/** The progress of one run of a runbook, saved to disk after each step. The file is renamed when all steps are done. */
export class Journal {
  readonly #place: JournalPlace;
  #content: Content;

  constructor(place: JournalPlace, content: Content) {
    this.#place = place;
    this.#content = content;
  }

  get started(): Date {
    return new Date(this.#content.started);
  }

  isDone(id: string): boolean {
    return this.#content.steps.some(
      (step) => step.id === id && step.ended !== undefined && (step.problem === undefined || step.passed),
    );
  }

  /** Whether the step was started, and possibly done. */
  isBegun(id: string): boolean {
    return this.#content.steps.some((step) => step.id === id);
  }

  begin(id: string): Promise<void> {
    return this.#note({ id, began: new Date().toISOString() });
  }

  /** @param problem why the step failed. */
  async end(id: string, problem?: string): Promise<void> {
    const entry = this.#content.steps.find((step) => step.id === id);
    if (!entry) return;
    await this.#note({ ...entry, ended: new Date().toISOString(), ...(problem !== undefined && { problem }) });
  }

  /** Skips the step that stopped. @returns its id; undefined if no step has stopped. */
  async pass(): Promise<string | undefined> {
    const last = this.#content.steps.at(-1);
    if (!last || this.isDone(last.id)) return undefined;
    await this.#note({
      ...last,
      ended: new Date().toISOString(),
      problem: last.problem ?? 'interrupted',
      passed: true,
    });
    return last.id;
  }

  /** Renames the journal, finished or not, so that the next run starts a new one. */
  async close(): Promise<void> {
    const started = this.#content.started.replace(/[:.]/g, '-');
    await rename(fileOf(this.#place), fileOf(this.#place, `.${started}`));
  }

  async finish(): Promise<void> {
    await this.#write({ ...this.#content, finished: new Date().toISOString() });
    await this.close();
  }

  async #note(entry: Entry): Promise<void> {
    const others = this.#content.steps.filter(({ id }) => id !== entry.id);
    await this.#write({ ...this.#content, steps: [...others, entry] });
  }

  /** Writes atomically. */
  async #write(content: Content): Promise<void> {
    const file = fileOf(this.#place);
    await rm(`${file}.new`, { force: true });
    const options = { flag: 'wx', mode: 0o600, flush: true };
    await writeFile(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, options);
    await rename(`${file}.new`, file);
    this.#content = content;
  }

  /** The state of a stopped run in one sentence. */
  get state(): string {
    const last = this.#content.steps.at(-1);
    const where = last === undefined ? 'before its first step' : `at step '${last.id}'`;
    return `A run of ${this.#place.runbook} for ${this.#place.subject}, started ${this.#content.started}, stopped ${where}`;
  }

  /** Lists the options that differ from those of the stopped run. */
  differencesTo(record: Given['record']): string[] {
    const names = new Set([...Object.keys(record), ...Object.keys(this.#content.record)]);
    return [...names].filter((name) => JSON.stringify(record[name]) !== JSON.stringify(this.#content.record[name]));
  }
}

/** Returns the path of a runbook's journal, or of its other files. */
export function fileOf({ directory, runbook, subject }: JournalPlace, suffix = '', ending = 'json'): string {
  return join(directory, `${runbook}.${subject}${suffix}.${ending}`);
}

/** Reads the journal of a stopped run, if there is one. */
export async function readJournal(place: JournalPlace): Promise<Journal | undefined> {
  try {
    const content: Content = JSON.parse(await readRegularFile(fileOf(place)));
    if (content.version !== 1 || !Array.isArray(content.steps)) throw new SyntaxError('it has another version');
    return new Journal(place, content);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError)
      throw new UsageError(`Cannot read the journal ${fileOf(place)}: ${error.message}: move it away to start again`);
    throw error;
  }
}

/** The journal to use, and the stopped run's journal that it replaces. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly replaced?: Journal;
}

/**
 * Opens the journal of a stopped run if it is resumed, otherwise a new one.
 *
 * @throws UsageError if there is none to resume, if it belongs to a run with other options, or if a stopped run is
 *   neither resumed nor discarded.
 */
export async function openJournal(place: JournalPlace, { record, values }: Given): Promise<OpenedJournal> {
  const stopped = await readJournal(place);
  if (values.is('resume')) {
    if (!stopped)
      throw new UsageError(`Nothing to resume: there is no stopped run of ${place.runbook} for ${place.subject}`);
    const others = stopped.differencesTo(record);
    if (others.length > 0)
      throw new UsageError(
        `${stopped.state}, with other values of --${others.join(', --')}: use the same values, or --anew`,
      );
    return { journal: stopped };
  }
  if (stopped && !place.isRehearsal && !values.is('anew'))
    throw new UsageError(`${stopped.state}: --resume continues it, --anew starts again`);
  await makeDirectories(place.directory, 0o700);
  const started = new Date().toISOString();
  const journal = new Journal(place, { version: 1, runbook: place.runbook, record, started, steps: [] });
  return { journal, ...(stopped && { replaced: stopped }) };
}
