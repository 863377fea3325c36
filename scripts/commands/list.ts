import { type ListedBackup, list } from '../../lib/list.ts';
import { printable } from '../../lib/printable.ts';
import { exitCodes } from '../exitcode.ts';
import type { Invocation } from '../invocation.ts';
import { jsonLine } from '../jsonline.ts';
import { dateOf, placeOf, selectOf } from '../operationoptions.ts';
import { reportTo } from '../run.ts';
import { withStore } from '../storage.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, interruption, log, output } = invocation;
  const since = await dateOf(invocation, 'since');
  const date = await dateOf(invocation, 'date');
  const { signal } = interruption;
  const found = await withStore({ config, log }, async (store) => {
    const backups = list(store, {
      report: reportTo(log),
      signal,
      ...selectOf(config),
      ...placeOf(config),
      ...(since && { since }),
      ...(date && { date }),
    });
    let count = 0;
    for await (const backup of backups) {
      signal.throwIfAborted();
      await output.write(config.json ? jsonLine(backup) : lineOf(backup));
      count++;
      if (output.closed) break;
    }
    return count;
  });
  if (found > 0) return exitCodes.done;
  log.error(`No backups match --metrics ${JSON.stringify(config.metrics)} in bucket ${config.bucket}`);
  return exitCodes.error;
}

/** The name comes last: it has any length. The size is in bytes, so that `sort -n` can use it. */
function lineOf({ metric, date, size, algorithm, kind, gone }: ListedBackup): string {
  const how = (kind === 'pair' ? `${algorithm} pair` : algorithm).padEnd(8);
  const since = gone === undefined ? '' : `  (gone since ${gone})`;
  return `${date}  ${String(size).padStart(12)}  ${how}  ${printable(metric)}${since}\n`;
}
