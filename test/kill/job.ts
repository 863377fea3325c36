/** A command, and what must hold of it at whatever moment it ends. */
export interface Job {
  readonly command: Command;
  /** What the program is given, differently from time to time. */
  args(): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly lockfile?: string;
  /** Makes something to do. */
  prepare(): Promise<void>;
  /** All that it works on, as a digest: it shows whether a run had begun to work. */
  state(): Promise<string>;
  /** Holds, in little time, after any end: nothing was lost, and nothing stands there that should not. */
  hold(): Promise<void>;
  /** The same by all the data: for every so many ends. */
  holdThoroughly(): Promise<void>;
  /** What is left of runs that were killed. */
  leftovers(): Promise<readonly string[]>;
  /** Purges, where the command itself does not. */
  purge(): Promise<void>;
  /** What the program is given to finish. */
  finishingArgs(): readonly string[];
  /** Holds once it has finished: all is stored, restored, purged, filled. */
  done(): Promise<void>;
}

/** `reshape` is a restore into another schema. */
export type Command = 'backup' | 'journal' | 'restore' | 'reshape' | 'purge' | 'fill';
