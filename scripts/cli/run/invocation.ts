import type { Resolved } from '../../../config/layers.ts';
import type { Outage } from '../../../lib/store/decorators/outage.ts';
import type { Log } from '../io/log.ts';
import type { Output } from '../io/output.ts';
import type { Interruption } from '../io/signals.ts';
import type { Terminal } from '../io/terminal.ts';

/** Everything a command needs to run. */
export interface Invocation extends Resolved {
  /** Words after the command, without the storage and its arguments. */
  readonly words: readonly string[];
  /** Returns the last value of an option without a configuration key, by its name in camelCase. */
  readonly option: (name: string) => string | undefined;
  /** Returns all values of such an option that can be repeated. */
  readonly options: (name: string) => readonly string[];
  readonly log: Log;
  readonly terminal: Terminal;
  /** Whether standard error may be colored. */
  readonly color: boolean;
  readonly output: Output;
  readonly interruption: Interruption;
  /** Whether the store answers, for the progress. */
  readonly outage: Outage;
}
