import { reasonOf } from '../../../lib/common/errors.ts';
import { jsonLine } from '../../../lib/common/printable.ts';
import type { Report } from '../../../lib/common/report.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import type { ReportingCommand } from '../../../lib/monitoring/figures.ts';
import type { Log } from '../io/log.ts';
import { ManyLines } from '../io/many-lines.ts';
import { type ProgressView, progressBar, progressLines } from '../io/progress.ts';
import { logSummary } from '../text/summary.ts';
import { exitCodeOfOutput, exitCodeOfSummary } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { sendingFigures } from './sending-figures.ts';
import { splay } from './splay.ts';

/** What an operation is given to run with. */
export interface Run {
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Called with what was done by a run that the store ends early. */
  readonly onEndedEarly: (summary: Summary) => void;
}

/**
 * Runs one of the commands that touch a whole tree: splay, run lock, the task, the figures for carbon. A dry run takes no
 * lock and sends nothing, nor does a backup that is not the full one of this host send any.
 *
 * @param task is to hand its summary to `ended`, which gives it back.
 * @param may what the command does of that; all if nothing is said.
 * @returns what the task does: the exit code.
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
 * Runs an operation with its progress and tells its summary: to people, and with `--json` on standard output.
 *
 * @returns the exit code.
 */
export async function reportOn(invocation: Invocation, operation: (run: Run) => Promise<Summary>): Promise<number> {
  const { config, interruption, log, output } = invocation;
  const many = new ManyLines(log);
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
    }),
  )
    .finally(() => many.end())
    .catch(async (error) => {
      if (early) {
        // What ended the run is reported as its error.
        const { stopped: _, ...done } = early;
        logSummary(done, log);
        if (config.json) await output.write(jsonLine(early));
      }
      throw error;
    });
  logSummary(summary, log);
  if (config.json) await output.write(jsonLine(summary));
  if (interruption.exitCode !== undefined) {
    log.error(reasonOf(interruption.signal.reason));
    return interruption.exitCode;
  }
  return exitCodeOfOutput(exitCodeOfSummary(summary), output);
}

/** A report whose lines go to the log, and whose progress nobody sees. */
export function reportTo(log: Log): Report {
  return { log: (level, message) => log.log(level, message), progress() {} };
}

async function withProgress(
  { config, log, terminal, color }: Invocation,
  task: (view: ProgressView) => Promise<Summary>,
): Promise<Summary> {
  const bar = terminal.isTerminal && !config.quiet && !config.json && !config.debug;
  let expected: number | undefined;
  const look = async () => {
    expected = await (await import('./expected-metrics.ts')).expectedMetrics(config);
  };
  void look();
  using view = bar ? await progressBar(terminal, color, () => expected) : progressLines(log, () => expected);
  return await task(view);
}

async function takeLock({ config, interruption, log }: Invocation) {
  const { acquireRunLock } = await import('../../../lib/system/run-lock.ts');
  log.debug(`Taking the run lock ${config.lockfile}`);
  const lock = await acquireRunLock(config.lockfile, { timeout: config.locktimeout, signal: interruption.signal });
  // A second Ctrl-C ends the process at once; the Python tool would take the file for a lock.
  const release = () => lock.release();
  process.once('exit', release);
  return {
    async release() {
      process.off('exit', release);
      // The run is over, and its record has the exit code.
      await lock.release().catch((error) => {
        log.warn(`Cannot remove the run lock ${config.lockfile}: ${reasonOf(error)}: the next run takes it over`);
      });
    },
  };
}
