import prettyBytes from 'pretty-bytes';
import type { Progress } from '../../../lib/common/report.ts';
import type { Log } from './log.ts';
import { countText, downText, followPace, leftText, type Pace, percentText, rateText } from './pace.ts';
import type { Terminal } from './terminal.ts';

/** Displays the progress of a run. */
export interface ProgressView extends Disposable {
  update(progress: Progress): void;
}

/** What is known of a run besides its progress. */
export interface Outlook {
  /** The number of metrics of an earlier run, once it is known. */
  readonly expected: () => number | undefined;
  /** Since when the store does not answer, as Unix time in milliseconds. */
  readonly downSince: () => number | undefined;
}

const UNKNOWN: Outlook = { expected: () => undefined, downSince: () => undefined };

/** Interval between log lines when there is no bar, in milliseconds. */
const LINE_INTERVAL_MS = 30_000;

/** Width of the bar in characters. */
const MIN_BAR_WIDTH = 4;
const MAX_BAR_WIDTH = 24;

/** Logs the progress every 30 seconds, for a log or a pipe. */
export function progressLines(
  log: Pick<Log, 'info'>,
  outlook: Outlook = UNKNOWN,
  everyMs = LINE_INTERVAL_MS,
): ProgressView {
  const paceOf = paceWith(outlook);
  let latest: Progress | undefined;
  const timer = setInterval(() => {
    if (latest !== undefined) log.info(lineOf(latest, paceOf(latest)));
  }, everyMs);
  timer.unref();
  return {
    update(progress) {
      // The first update of a phase starts its clock.
      if (latest?.phase !== progress.phase) paceOf(progress);
      latest = progress;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Draws a progress bar on the last line of a terminal. */
export async function progressBar(
  terminal: Terminal,
  color: boolean,
  outlook: Outlook = UNKNOWN,
): Promise<ProgressView> {
  const { default: cliProgress } = await import('cli-progress');
  const paceOf = paceWith(outlook);
  let latest: Progress | undefined;
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: () => (latest === undefined ? '' : barLine(latest, paceOf(latest), process.stderr.columns ?? 80, color)),
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
    gracefulExit: false,
    emptyOnZero: true,
  });
  let started = false;
  const stop = (): void => {
    if (started) bar.stop();
    started = false;
  };
  // The bar hides the cursor; show it again even after a second Ctrl-C.
  process.once('exit', stop);
  terminal.beforeLine = () => process.stderr.write('\r\x1b[K');
  return {
    update(progress) {
      latest = progress;
      if (started) {
        bar.setTotal(progress.found);
        bar.update(progress.done);
      } else {
        started = true;
        bar.start(progress.found, progress.done);
      }
    },
    [Symbol.dispose]() {
      stop();
      process.off('exit', stop);
      terminal.beforeLine = undefined;
    },
  };
}

function paceWith({ expected, downSince }: Outlook): (progress: Progress) => Pace {
  const paceOf = followPace(expected);
  return (progress) => {
    const since = downSince();
    return { ...paceOf(progress), ...(since !== undefined && { downSeconds: (Date.now() - since) / 1000 }) };
  };
}

/** Returns `Backing up: 1200 of about 5000 metrics, 24 %, 40/s, 95 s left, 3 failed`. */
export function lineOf(progress: Progress, pace: Pace = { isEstimate: true, perSecond: 0 }): string {
  const { phase, failed } = progress;
  const parts = [
    `${phase}: ${countText(progress, pace)} metrics`,
    percentText(progress, pace),
    rateText(pace),
    leftText(pace),
    downText(pace),
    failed > 0 ? `${failed} failed` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** Returns the same with a bar, in at most `columns`. Drops the least important parts instead of cutting text. */
export function barLine(progress: Progress, pace: Pace, columns: number, color: boolean): string {
  const { phase, failed, bytes } = progress;
  const left = downText(pace) ?? leftText(pace);
  const rate = rateText(pace);
  const size = prettyBytes(bytes, { binary: true });
  const most = [
    percentText(progress, pace),
    countText(progress, pace),
    failed > 0 ? `${failed} failed` : undefined,
    left,
    rate,
    size,
  ].filter((part) => part !== undefined);
  // A terminal wraps a line that fills its last column.
  const room = columns - 1;
  // The bar is more useful than the size.
  if (`${phase} ${most.join(' ')}`.length + MIN_BAR_WIDTH + 1 > room) most.pop();
  while (most.length > 1 && `${phase} ${most.join(' ')}`.length > room) most.pop();
  const text = most.join(' ');
  const width = Math.min(MAX_BAR_WIDTH, room - phase.length - text.length - 2);
  if (width < MIN_BAR_WIDTH) return `${phase} ${text}`.slice(0, room);
  const share = pace.total ? Math.min(1, progress.done / pace.total) : 0;
  const full = Math.round(share * width);
  const drawn = '\u2588'.repeat(full) + '\u2591'.repeat(width - full);
  return `${phase} ${color ? `\x1b[32m${drawn}\x1b[0m` : drawn} ${text}`;
}
