import { join, resolve } from 'node:path';
import process from 'node:process';
import { UsageError } from '../../../config/errors.ts';
import { RunLockedError, reasonOf } from '../../../lib/common/errors.ts';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { makeDirectories } from '../../../lib/system/make-directories.ts';
import { acquireRunLock, type RunLock } from '../../../lib/system/run-lock.ts';
import { exitCodeOfError, exitCodes } from '../../cli/run/exit-code.ts';
import { matchingHosts, requireOneHost } from '../../fleet/matching-hosts.ts';
import { askNobody, askOnTerminal } from './ask.ts';
import { Diary } from './diary.ts';
import { Fleet } from './fleet.ts';
import { type Given, helpOf, readOptions } from './options.ts';
import { perform } from './perform.ts';
import { planRecord, planText } from './plan-text.ts';
import { fileOf, type JournalPlace, openJournal, readJournal } from './progress.ts';
import type { Plan, Runbook } from './runbook.ts';

/**
 * Runs a runbook from the command line. Sets the exit code: 0 if all steps are done, 1 if it stopped, 2 for wrong usage,
 * 11 if another run is in progress, 130 or 143 if it was interrupted.
 */
export async function runRunbook(runbook: Runbook, argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  try {
    process.exitCode = await run(runbook, readOptions(runbook, argv));
  } catch (error) {
    process.stderr.write(`${runbook.name}: ${printable(reasonOf(error))}\n`);
    process.exitCode = exitCodeOfError(error);
  }
}

async function run(runbook: Runbook, given: Given): Promise<number> {
  const { values } = given;
  if (values.is('help')) {
    process.stdout.write(helpOf(runbook));
    return exitCodes.done;
  }
  if (values.is('resume') && values.is('anew')) throw new UsageError('--resume and --anew exclude each other');
  if (values.is('past') && !values.is('resume')) throw new UsageError('--past needs --resume');
  if (values.is('json') && !values.is('dry-run')) throw new UsageError('--json needs --dry-run');
  const plan = runbook.plan(values);
  const place = placeOf(runbook, given);
  if (values.is('dry-run')) return await show(runbook, plan, given, place);
  if (!values.is('yes') && !process.stdin.isTTY)
    throw new UsageError(
      'Cannot ask for confirmation: standard input is not a terminal. Use --yes to run without questions',
    );

  checkHosts(runbook, given);
  await makeDirectories(place.directory, 0o700);
  const diary = new Diary(fileOf(place, '', 'log'));
  const lock = await takeLock(place);
  try {
    return await performAll(runbook, plan, given, { place, diary });
  } finally {
    await lock.release();
  }
}

async function performAll(
  runbook: Runbook,
  plan: Plan,
  given: Given,
  { place, diary }: { readonly place: JournalPlace; readonly diary: Diary },
): Promise<number> {
  const { journal, replaced } = await openJournal(place, given);
  const ask = given.values.is('yes') ? askNobody : askOnTerminal;
  diary.pass(planText(runbook, plan, (id) => journal.isDone(id), false));
  diary.say(`The log of this run is ${diary.file}`);
  if (!(await ask(`Run these ${plan.steps.length} steps?`))) {
    diary.say('Nothing was done');
    return exitCodes.error;
  }
  await replaced?.close();
  if (given.values.is('past')) {
    const passed = await journal.pass();
    diary.say(passed === undefined ? 'No step has stopped' : `Skipped step '${passed}'`);
  }
  const stop = new AbortController();
  let interrupted: number | undefined;
  const onSignal = (code: number) => () => {
    interrupted = code;
    stop.abort();
  };
  const [onInterrupt, onTerminate] = [onSignal(130), onSignal(143)];
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  try {
    const isDone = await perform(plan, { journal, diary, ask, signal: stop.signal });
    return isDone ? exitCodes.done : (interrupted ?? exitCodes.error);
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onTerminate);
  }
}

async function show(runbook: Runbook, plan: Plan, { values }: Given, place: JournalPlace): Promise<number> {
  const journal = values.is('resume') ? await readJournal(place) : undefined;
  const isDone = (id: string) => journal?.isDone(id) ?? false;
  process.stdout.write(
    values.is('json') ? jsonLine(planRecord(runbook, plan, isDone)) : planText(runbook, plan, isDone, true),
  );
  return exitCodes.done;
}

/** A name that matches several hosts or none would make Ansible run on all of them or none. */
function checkHosts({ options }: Runbook, { values }: Given): void {
  const inventory = values.one('inventory');
  const path = inventory === undefined ? undefined : resolve(inventory);
  for (const { kind, name, unless } of options) {
    if (unless !== undefined && values.is(unless)) continue;
    if (kind === 'host') for (const host of values.all(name)) requireOneHost(host, { inventory: path });
    if (kind === 'hosts') matchingHosts({ inventory: path, limit: values.one(name) });
  }
}

/** Returns the place of the journal, one per runbook and its hosts. */
function placeOf(runbook: Runbook, { values }: Given): JournalPlace {
  const hosts = runbook.options
    .filter(({ kind }) => kind === 'host' || kind === 'hosts')
    .flatMap(({ name }) => values.all(name));
  const subject = hosts.length > 0 ? hosts.join('-to-') : 'all';
  const directory = join(new Fleet(values).directory, 'journal');
  return { directory, runbook: runbook.name, subject, isRehearsal: runbook.isRehearsal ?? false };
}

async function takeLock(place: JournalPlace): Promise<RunLock> {
  try {
    return await acquireRunLock(fileOf(place, '', 'lock'), { timeout: 0 });
  } catch (error) {
    if (!(error instanceof RunLockedError)) throw error;
    throw new RunLockedError(`Another run of ${place.runbook} for ${place.subject} is in progress`, { cause: error });
  }
}
