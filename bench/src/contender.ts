import type { Command } from './meter.ts';
import type { ContenderInfo } from './results.ts';

/** Where a contender works; all below the benchmark's own directory. */
export interface Places {
  /** The tree that is backed up. */
  readonly tree: string;
  /** Its own directory for what it stores; not there before the first run. */
  readonly store: string;
  /** Its own directory for caches and state. */
  readonly state: string;
}

/** A program, or a way to use it, that is measured. */
export interface Contender extends ContenderInfo {
  /** The id of the contender in whose store it works, when it has none of its own; it then has no first backup. */
  readonly shares?: string;
  /** Makes an empty store, unmeasured. */
  prepare?(places: Places): Command;
  /**
   * Backs the whole tree up, again if the store already holds it.
   *
   * @param serial differs in each run for one store; 0 is the first.
   */
  backup(places: Places, serial: number): Command;
  /** Restores the first backup, all of it or one directory, into an empty directory; absent where it is not measured. */
  restore?(places: Places, target: string, only?: string): Command;
}
