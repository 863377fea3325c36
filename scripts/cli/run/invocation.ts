import type { Resolved } from '../../../config/layers.ts';
import type { Log } from '../io/log.ts';
import type { Output } from '../io/output.ts';
import type { Interruption } from '../io/signals.ts';
import type { Terminal } from '../io/terminal.ts';

/** What a command gets to work with. */
export interface Invocation extends Resolved {
  /** Words behind the command, without the storage and its arguments. */
  readonly words: readonly string[];
  /** Options that hold for this run alone, by name in camelCase: the last value typed. */
  readonly option: (name: string) => string | undefined;
  readonly log: Log;
  readonly terminal: Terminal;
  /** Whether standard error may be coloured. */
  readonly color: boolean;
  readonly output: Output;
  readonly interruption: Interruption;
}
