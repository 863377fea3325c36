import { UsageError } from '../../../config/errors.ts';
import { hasOffset } from '../../../lib/common/date.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { RestoreWatcher } from '../../../lib/operations/restore/outcomes.ts';
import type { WindowOptions } from '../../../lib/operations/restore/restored-window.ts';
import type { Invocation } from './invocation.ts';
import { dateOf } from './operation-options.ts';
import { Preview } from './preview.ts';

/**
 * Returns the window of `--from`, `--until` and `--erase`; undefined if there is none. `--until now` is the current time.
 *
 * @throws UsageError if one of the options is missing.
 * @throws InvalidOptionError if a date is invalid.
 */
export function windowOf(invocation: Pick<Invocation, 'option'>): WindowOptions | undefined {
  const { option } = invocation;
  const erase = option('erase') === 'true';
  const from = dateOf(invocation, 'from');
  const until = option('until') === 'now' ? new Date() : dateOf(invocation, 'until');
  if (from && until) return { from, until, erase };
  if (option('from') === undefined && until === undefined && !erase) return undefined;
  if (option('from') === 'now') throw new UsageError('--from must be a date before --until: got "now"');
  throw new UsageError(`A window needs both --from and --until: ${from ? '--until' : '--from'} is missing`);
}

/** Returns the log line with the exact times of the window. */
export function windowNotice({ from, until, erase }: WindowOptions, { option }: Pick<Invocation, 'option'>): string {
  const isUtc = [option('from'), option('until')].some((text) => text && text !== 'now' && !hasOffset(text));
  const zone = isUtc ? ' (a date without a time zone is UTC)' : '';
  const others = erase ? 'erases' : 'keeps';
  return `Window from ${formatTimestamp(from)} to before ${formatTimestamp(until)}${zone}; ${others} points that the backup does not have`;
}

/** Returns what plots the changes of a dry run; undefined if the output is not a terminal. @param report gets them too */
export function previewOf({ color, config, output }: Invocation, report?: RestoreWatcher): Preview | undefined {
  const isShown = config.noop && output.isTerminal && !config.json && !config.quiet;
  return isShown ? new Preview(output, color, report) : undefined;
}
