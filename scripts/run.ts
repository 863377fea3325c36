import { reasonOf } from '../lib/errors.ts';
import type { Report } from '../lib/report.ts';
import type { Summary } from '../lib/summary.ts';
import type { ReportingCommand } from './carbon/figuretable.ts';
import { sendingFigures } from './carbon/sendingfigures.ts';
import { exitCodeOfSummary } from './exitcode.ts';
import type { Invocation } from './invocation.ts';
import { jsonLine } from './jsonline.ts';
import type { Log } from './log.ts';
import { ManyLines } from './manylines.ts';
import { partialBy } from './partialrun.ts';
import { type ProgressView, progressBar, progressLines } from './progress.ts';
import { splay } from './splay.ts';
import { touchStamp } from './stamp.ts';
import { tellSummary } from './summarytext.ts';

/** What an operation is given to run with. */
export interface Run {
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Called with what was done by a run that the store ends early. */
  readonly onEndedEarly: (summary: Summary) => void;
}

/**
 * Runs one of the commands that touch a whole tree: splay, run lock, the operation with its progress, the summary, the
 * stamp file, the figures for carbon. A dry run writes nothing, so it takes no lock, leaves no stamp and sends nothing.
 * A backup that is not the full one of this host leaves no stamp and sends nothing either: both stand for the host.
 *
 * @param may what the command does of that; all if nothing is said.
 * @returns the exit code.
 */
export async function runOperation(
  invocation: Invocation,
  command: ReportingCommand,
  operation: (run: Run) => Promise<Summary>,
  may: { readonly lock: boolean } = { lock: true },
): Promise<number> {
  const { config, interruption, log } = invocation;
  const { signal } = interruption;
  await splay(config.splay, signal, (seconds) => log.info(`Starting in ${seconds.toFixed(0)} s (--splay)`));
  return sendingFigures(invocation, command, async (ended) => {
    const lock = !may.lock || config.nolock || config.noop ? undefined : await takeLock(invocation);
    try {
      const code = await reportOn(invocation, async (run) => ended(await operation(run)));
      if (code === 0 && command === 'backup' && !config.noop && !config.nostamp) await stamp(invocation);
      return code;
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
        tellSummary(done, log);
        if (config.json) await output.write(jsonLine(early));
      }
      throw error;
    });
  tellSummary(summary, log);
  if (config.json) await output.write(jsonLine(summary));
  if (interruption.exitCode !== undefined) {
    log.error(reasonOf(interruption.signal.reason));
    return interruption.exitCode;
  }
  return exitCodeOfSummary(summary);
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
    expected = await (await import('./expectedmetrics.ts')).expectedMetrics(config);
  };
  void look();
  using view = bar ? await progressBar(terminal, color, () => expected) : progressLines(log, () => expected);
  return await task(view);
}

async function takeLock({ config, interruption, log }: Invocation) {
  const { acquireRunLock } = await import('../lib/system/runlock.ts');
  log.debug(`Taking the run lock ${config.lockfile}`);
  const lock = await acquireRunLock(config.lockfile, { timeout: config.locktimeout, signal: interruption.signal });
  // A second Ctrl-C ends the process at once; the Python tool would take the file for a lock.
  const release = () => lock.release();
  process.once('exit', release);
  return {
    async release() {
      process.off('exit', release);
      await lock.release();
    },
  };
}

/** The default stamp file is a courtesy; one that was named is part of the job. Only a full backup touches it. */
async function stamp(invocation: Invocation): Promise<void> {
  const { config, origins, log } = invocation;
  if ((await partialBy(invocation)).length > 0) return;
  try {
    await touchStamp(config.stampfile);
  } catch (error) {
    if (origins.get('stampfile') !== 'default') throw new StampError(config.stampfile, error);
    log.debug(`Cannot touch the stamp file ${config.stampfile}: ${reasonOf(error)}`);
  }
}

class StampError extends Error {
  constructor(path: string, cause: unknown) {
    super(`Cannot touch the stamp file ${path}: ${reasonOf(cause)}: see --stampfile`, { cause });
  }
}
