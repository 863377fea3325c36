export interface Report {
  /**
   * Logs a line. The receiver escapes control characters in it.
   *
   * @param kind what repeated lines have in common, in the plural; given where each metric may log one.
   */
  log(level: LogLevel, message: string, kind?: string): void;
  /** Called often; the receiver decides how often to show it. */
  progress(progress: Progress): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Progress {
  /** The current activity, e.g. `backing up`. */
  readonly phase: string;
  /** Metrics finished, whether they succeeded, were skipped or failed. */
  readonly done: number;
  /** Metrics found so far; grows while the walk continues. */
  readonly found: number;
  /** Whether `found` is final. */
  readonly complete: boolean;
  readonly failed: number;
  /** Bytes stored or restored so far, compressed. */
  readonly bytes: number;
}

export const silent: Report = { log() {}, progress() {} };
