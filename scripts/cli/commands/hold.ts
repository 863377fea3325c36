import type { Hold, UnreadableHold } from '../../../lib/bucket/hold-file.ts';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { plainTable } from '../../../lib/common/table.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import { addHold, listHolds, releaseHold } from '../../../lib/operations/holds/holds.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';
import { dateOf, placeOf } from '../run/operation-options.ts';
import { reportTo } from '../run/run.ts';
import { withStore } from '../run/store.ts';

export function run(invocation: Invocation): Promise<number> {
  const [action = '', name = ''] = invocation.words;
  return withStore(invocation, (store) => {
    if (action === 'list') return list(store, invocation);
    if (action === 'add') return add(store, name, invocation);
    return release(store, name, invocation);
  });
}

async function add(store: ObjectStore, name: string, invocation: Invocation): Promise<number> {
  const { config, log, option, output } = invocation;
  const date = dateOf(invocation, 'date');
  const until = dateOf(invocation, 'until');
  const reason = option('reason');
  const { hold, backups } = await addHold(store, {
    ...optionsOf(invocation),
    name,
    metrics: config.metrics,
    ...(date && { date }),
    ...(until && { until }),
    ...(reason !== undefined && { reason }),
  });
  const what = `${config.noop ? 'Would add' : 'Added'} the hold ${name}: it keeps the newest backup`;
  log.info(`${what} before ${exact(hold.date)} of each matching metric (backups: ${backups})`);
  if (config.json) await output.write(jsonLine({ ...recordOf(hold), backups }));
  return exitCodes.done;
}

async function list(store: ObjectStore, invocation: Invocation): Promise<number> {
  const { config, log, output } = invocation;
  const holds = await listHolds(store, optionsOf(invocation));
  if (config.json) for (const hold of holds) await output.write(jsonLine(recordOf(hold)));
  else if (holds.length > 0) await output.write(`${plainTable(holds.map(rowOf)).join('\n')}\n`);
  const unreadable = holds.filter((hold): hold is UnreadableHold => !('name' in hold));
  for (const { key, reason, remedy } of unreadable)
    log.error(
      `Cannot read the hold ${key} of ${store.name}: ${reason}. Until it can be read, nothing is deleted in this bucket. ${remedy}`,
    );
  return unreadable.length > 0 ? exitCodes.someFailed : exitCodes.done;
}

async function release(store: ObjectStore, name: string, invocation: Invocation): Promise<number> {
  const { config, log, output } = invocation;
  await releaseHold(store, { ...optionsOf(invocation), name });
  log.info(
    `${config.noop ? 'Would release' : 'Released'} the hold ${name}: retention and purge apply again to what it kept`,
  );
  if (config.json) await output.write(jsonLine({ name, released: true }));
  return exitCodes.done;
}

function optionsOf({ config, interruption, log }: Invocation) {
  return { ...placeOf(config), report: reportTo(log), signal: interruption.signal };
}

function recordOf(hold: Hold | UnreadableHold): object {
  if (!('name' in hold)) return { key: hold.key, reason: hold.reason };
  const { name, created, date, metrics, until, reason } = hold;
  return {
    name,
    ...{ created: formatTimestamp(created), date: exact(date), metrics },
    ...(until && { until: formatTimestamp(until), ended: until <= new Date() }),
    ...(reason !== undefined && { reason }),
  };
}

function rowOf(hold: Hold | UnreadableHold): string[] {
  if (!('name' in hold)) return [hold.key, 'unreadable', '', '', ''].map(printable);
  const { name, date, metrics, until, reason = '' } = hold;
  const end = until ? `${until <= new Date() ? 'ended' : 'until'} ${formatTimestamp(until)}` : 'until released';
  return [name, `before ${exact(date)}`, metrics, end, reason].map(printable);
}

/** Formats a date so that --date takes exactly it. */
function exact(date: Date): string {
  return date.getMilliseconds() === 0 ? formatTimestamp(date) : date.toISOString();
}
