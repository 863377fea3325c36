import type { Progress } from '../lib/report.ts';
import type { Log } from './log.ts';
import type { Terminal } from './terminal.ts';

/** Shows how far a run has come. */
export interface ProgressView extends Disposable {
  update(progress: Progress): void;
}

/** Without a bar, a line is logged as often as this, in milliseconds. */
const LINE_EVERY = 30_000;

/** A line every 30 seconds, for a log or a pipe. */
export function progressLines(log: Log, every = LINE_EVERY): ProgressView {
  let latest: Progress | undefined;
  const timer = setInterval(() => {
    if (latest !== undefined) log.info(lineOf(latest));
  }, every);
  timer.unref();
  return {
    update(progress) {
      latest = progress;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** A bar on the last line of a terminal. */
export async function progressBar(terminal: Terminal, color: boolean): Promise<ProgressView> {
  const { default: cliProgress } = await import('cli-progress');
  const green = color ? ['\x1b[32m', '\x1b[0m'] : ['', ''];
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: `{phase} ${green[0]}{bar}${green[1]} {value} of {found}{failed} {size} {duration_formatted}`,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
    gracefulExit: false,
    emptyOnZero: true,
  });
  const { default: prettyBytes } = await import('pretty-bytes');
  let started = false;
  const stop = (): void => {
    if (started) bar.stop();
    started = false;
  };
  // The bar hides the cursor: a second Ctrl-C must not leave it hidden.
  process.once('exit', stop);
  terminal.beforeLine = () => process.stderr.write('\r\x1b[K');
  return {
    update(progress) {
      const payload = {
        phase: progress.phase,
        found: progress.complete ? `${progress.found}` : `${progress.found}+`,
        failed: progress.failed > 0 ? `, ${progress.failed} failed` : '',
        size: prettyBytes(progress.bytes, { binary: true }),
      };
      if (started) {
        bar.setTotal(progress.found);
        bar.update(progress.done, payload);
      } else {
        started = true;
        bar.start(progress.found, progress.done, payload);
      }
    },
    [Symbol.dispose]() {
      stop();
      process.off('exit', stop);
      terminal.beforeLine = undefined;
    },
  };
}

/** `backing up: 1200 of 5000 metrics, 3 failed`; a `+` while more are being found. */
export function lineOf({ phase, done, found, complete, failed }: Progress): string {
  return `${phase}: ${done} of ${found}${complete ? '' : '+'} metrics${failed > 0 ? `, ${failed} failed` : ''}`;
}
