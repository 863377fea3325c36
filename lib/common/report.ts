/** How an operation tells what it does while it does it. Scripts turn this into log lines and a progress bar. */
export interface Report {
  /**
   * A line for the log. Control characters in names were made harmless by the time it is shown.
   *
   * @param kind given where there may be a line for each metric: what they have in common, in the plural.
   */
  log(level: LogLevel, message: string, kind?: string): void;
  /** Called often; the receiver decides how often a person sees it. */
  progress(progress: Progress): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Progress {
  /** What is going on, e.g. `backing up`. */
  readonly phase: string;
  /** Metrics finished, in any way. */
  readonly done: number;
  /** Metrics found so far; the walk streams, so this grows until `complete`. */
  readonly found: number;
  /** Whether `found` is final. */
  readonly complete: boolean;
  readonly failed: number;
  /** Bytes stored or restored so far, compressed. */
  readonly bytes: number;
}

/** A report that says nothing. */
export const silent: Report = { log() {}, progress() {} };
