import { reasonOf } from '../../../lib/common/errors.ts';
import type { Report } from '../../../lib/common/report.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import type { JudgedOptions } from '../../../lib/expiry/judged.ts';
import type { ReportingCommand } from '../../../lib/monitoring/figures.ts';
import { downSince } from '../../../lib/store/decorators/outage.ts';
import { JsonSummary } from '../io/json-summary.ts';
import type { Log } from '../io/log.ts';
import { ManyLines } from '../io/many-lines.ts';
import { type ProgressView, progressBar, progressLines } from '../io/progress.ts';
import { logSummary } from '../text/summary.ts';
import { exitCodeOfOutput, exitCodeOfSummary } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { sendingFigures } from './sending-figures.ts';
import { splay } from './splay.ts';

/** The options of an operation. */
export interface Run extends JudgedOptions {
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Called with the summary of a run that ends early because of the store. */
  readonly onEndedEarly: (summary: Summary) => void;
}

/**
 * Runs a command on a whole tree: splay, run lock, the task, the figures for carbon. A dry run takes no lock and sends no
 * figures; a partial backup sends none either.
 *
 * @param task must pass its summary to `ended`, which returns it.
 * @param may whether the command takes the lock. @default it does
 * @returns the exit code of the task.
 */
export async function runOperation(
  invocation: Invocation,
  command: ReportingCommand,
  task: (ended: (summary: Summary) => Summary) => Promise<number>,
  may: { readonly lock: boolean } = { lock: true },
): Promise<number> {
  const { config, interruption, log } = invocation;
  const { signal } = interruption;
  await splay(config.splay, signal, (seconds) => log.info(`Starting in ${seconds.toFixed(0)} s (--splay)`));
  return sendingFigures(invocation, command, async (ended) => {
    const lock = !may.lock || config.nolock || config.noop ? undefined : await takeLock(invocation);
    try {
      return await task(ended);
    } finally {
      await lock?.release();
    }
  });
}

/**
 * Runs an operation with progress, and prints its summary, with `--json` to standard output too.
 *
 * @returns the exit code.
 */
export async function reportOn(invocation: Invocation, operation: (run: Run) => Promise<Summary>): Promise<number> {
  const { config, interruption, log, output } = invocation;
  const many = new ManyLines(log);
  const json = config.json ? new JsonSummary(output) : undefined;
  let early: Summary | undefined;
  const summary = await withProgress(invocation, (view) =>
    operation({
      report: {
        log: (level, message, kind) =>
          kind === undefined ? log.log(level, message) : many.write(level, message, kind),
        progress: (progress) => view.update(progress),
      },
      signal: interruption.signal,
      onEndedEarly: (summary) => {
        early = summary;
      },
      ...(json && config.noop && { onJudged: (backups) => json.judged(backups) }),
    }),
  )
    .finally(() => many.end())
    .catch(async (error) => {
      if (early) {
        // The reason is in the error itself.
        const { stopped: _, ...done } = early;
        logSummary(done, log);
        await json?.finish(early);
      }
      await json?.close();
      throw error;
    });
  logSummary(summary, log);
  await json?.finish(summary);
  if (interruption.exitCode !== undefined) {
    log.error(reasonOf(interruption.signal.reason));
    return interruption.exitCode;
  }
  return exitCodeOfOutput(exitCodeOfSummary(summary), output);
}

/** Returns a report that logs its messages and ignores progress. */
export function reportTo(log: Log): Report {
  return { log: (level, message) => log.log(level, message), progress() {} };
}

async function withProgress(
  { config, log, terminal, color, outage }: Invocation,
  task: (view: ProgressView) => Promise<Summary>,
): Promise<Summary> {
  const bar = terminal.isTerminal && !config.quiet && !config.json && !config.debug;
  let expected: number | undefined;
  const look = async () => {
    expected = await (await import('./expected-metrics.ts')).expectedMetrics(config);
  };
  void look();
  const outlook = { expected: () => expected, downSince: () => downSince(outage) };
  using view = bar ? await progressBar(terminal, color, outlook) : progressLines(log, outlook);
  return await task(view);
}

async function takeLock({ config, interruption, log }: Invocation) {
  const { acquireRunLock } = await import('../../../lib/system/run-lock.ts');
  log.debug(`Taking the run lock ${config.lockfile}`);
  const lock = await acquireRunLock(config.lockfile, { timeout: config.locktimeout, signal: interruption.signal });
  // A second Ctrl-C ends the process at once, and the Python tool would take a leftover file for a lock.
  const release = () => lock.release();
  process.once('exit', release);
  return {
    async release() {
      process.off('exit', release);
      // The record already has the exit code, so this is only a warning.
      await lock.release().catch((error) => {
        log.warn(`Cannot remove the run lock ${config.lockfile}: ${reasonOf(error)}: the next run takes it over`);
      });
    },
  };
}
