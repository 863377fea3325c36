import type { Command } from './meter.ts';
import type { ContenderInfo } from './results.ts';

/** The directories of a contender, all below the benchmark's own directory. */
export interface Places {
  readonly tree: string;
  /** Its own store directory; does not exist before the first run. */
  readonly store: string;
  /** Its own directory for caches and state. */
  readonly state: string;
}

/** A program, or a way to use it, that is measured. */
export interface Contender extends ContenderInfo {
  /** Id of the contender whose store it shares. It then has no first backup of its own. */
  readonly shares?: string;
  /** Creates an empty store; not measured. */
  prepare?(places: Places): Command;
  /**
   * Backs up the whole tree, again if the store already has it.
   *
   * @param serial differs for each run on one store; 0 is the first.
   */
  backup(places: Places, serial: number): Command;
  /** Restores the first backup, or one directory of it, into an empty directory; absent if it is not measured. */
  restore?(places: Places, target: string, only?: string): Command;
}
