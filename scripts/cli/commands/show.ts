import { UsageError } from '../../../config/errors.ts';
import type { Config } from '../../../config/schema.ts';
import { isStorage } from '../../../config/storage/storage.ts';
import { type Shown, showFile, showStored } from '../../../lib/operations/views/show.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';
import { dateOf, lockOf, parseEpoch, placeOf } from '../run/operation-options.ts';
import { reportTo } from '../run/run.ts';
import { withStore } from '../run/store.ts';
import { shownRecords, shownText } from '../text/show.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { color, config, log, option, output } = invocation;
  const shown = await look(invocation);
  const { damaged, gap, malformed = 0, name } = shown;
  for (const { key, reason } of damaged) log.warn(`failed: ${key}: ${reason}`);
  if (malformed > 0)
    log.warn(
      `failed: ${name}: shown without ${malformed} lines of the journal that are not points: verify --read-data names their parts`,
    );
  if (gap !== undefined)
    log.warn(
      `${name}: points before ${gap} are missing: the journal runs that had them have expired or cannot be read`,
    );
  const code = damaged.length + malformed > 0 ? exitCodes.someFailed : exitCodes.done;
  if (config.json) {
    for (const record of shownRecords(shown)) {
      await output.write(record);
      if (output.closed) break;
    }
    return code;
  }
  const plot = option('plot') === 'true' || (output.isTerminal && option('plot') !== 'false');
  const width = output.isTerminal ? output.width : 100;
  await output.write(await shownText(shown, { ...(plot && { plot: { width, color: color && output.isTerminal } }) }));
  return code;
}

/** A target with a slash or the extension `.wsp` is a path, any other the name of a stored metric. */
async function look(invocation: Invocation): Promise<Shown> {
  const { config, interruption, log, option, words } = invocation;
  const [target = ''] = words;
  const { signal } = interruption;
  const epoch = parseEpoch(option('now'));
  if (target.includes('/') || target.endsWith('.wsp')) {
    return showFile(target, { ...lockOf(config), ...(epoch !== undefined && { now: epoch }), signal });
  }
  checkOrder(target, config);
  const date = dateOf(invocation, 'date');
  return withStore(invocation, (store) =>
    showStored(store, target, {
      report: reportTo(log),
      signal,
      ...placeOf(config),
      ...(epoch !== undefined && { now: () => new Date(epoch * 1000) }),
      ...(date && { date }),
      journal: !config.noJournal,
    }),
  );
}

/** @throws UsageError if the storage is before the metric. */
function checkOrder(target: string, { storage, storageArgs }: Config): void {
  if (storage === undefined || isStorage(storage) || !isStorage(target)) return;
  const [metric = 'METRIC', ...args] = [storage, ...storageArgs].toSorted(
    (a, b) => +a.includes('=') - +b.includes('='),
  );
  throw new UsageError(
    `show needs the metric before the storage: whisper-backup show ${[metric, target, ...args].join(' ')}`,
  );
}
