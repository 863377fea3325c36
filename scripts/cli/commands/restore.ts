import { UsageError } from '../../../config/errors.ts';
import { hasOffset } from '../../../lib/common/date.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import { restore } from '../../../lib/operations/restore/restore.ts';
import { resolveOwner } from '../../../lib/system/owner-name.ts';
import { thisMachine } from '../host/machine.ts';
import { commandWith } from '../run/command-with.ts';
import type { Invocation } from '../run/invocation.ts';
import { dateOf, loadOf, placeOf, selectOf, treeOf } from '../run/operation-options.ts';
import { runRecorded } from '../run/recorded-run.ts';
import { renamesOf } from '../run/renames.ts';
import { RestoreReport } from '../run/restore-report.ts';
import { previewOf, windowNotice, windowOf } from '../run/window.ts';
import { windowAdvice } from '../text/restore.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log, option } = invocation;
  const date = dateOf(invocation, 'date');
  if (date) log.info(dateNotice(date, option('date') ?? ''));
  const window = windowOf(invocation);
  if (window) log.info(windowNotice(window, invocation));
  // The engine for patterns is loaded only if it is needed.
  const isReshaped = ['schemas', 'retentions', 'aggregations'].some((name) => option(name) !== undefined);
  if ((config.overwrite || window || isReshaped) && dateOf(invocation, 'asOf')) {
    const [changing, instead] = window
      ? ['--from', 'Restore into another --prefix, and fill the window from there']
      : config.overwrite
        ? ['--overwrite', 'Restore into another --prefix, or move the files away first']
        : ['a schema', 'Restore into another --prefix, and fill new files of the schema from there'];
    throw new UsageError(
      `Cannot restore with --as-of and ${changing}: an earlier state of a bucket cannot take the files that would be replaced. ${instead}`,
    );
  }
  const owner = config.owner === undefined ? undefined : resolveOwner(config.owner);
  const schemaOf = isReshaped ? await (await import('../run/new-schemas.ts')).newSchemasOf(invocation) : undefined;
  const renames = await renamesOf(invocation);
  const machine = await thisMachine();
  const report = RestoreReport.open(invocation);
  const watcher = (window && previewOf(invocation, report)) ?? report;
  try {
    return await runRecorded(invocation, 'restore', async (store, run) => {
      const summary = await restore(store, {
        ...run,
        ...selectOf(config),
        ...placeOf(config),
        ...treeOf(config),
        ...loadOf(config),
        ...(date && { date }),
        ...(owner && { owner }),
        ...renames,
        ...(schemaOf && { schemaOf }),
        ...(window && { window }),
        includeDamaged: config.includeDamaged,
        fallback: config.fallback,
        overwrite: config.overwrite,
        machine,
        replaceDamaged: config.replaceDamaged,
        skipGone: config.skipGone,
        journal: !config.noJournal,
        dryRun: config.noop,
        commandWith: (others) => commandWith(invocation, 'restore', others),
        ...(watcher && { watcher }),
        onEndedEarly: (early) => {
          run.onEndedEarly(report?.end(early, date) ?? early);
        },
      });
      if (window) for (const line of windowAdvice(summary, window, date)) log.warn(line);
      return report?.end(summary, date) ?? summary;
    });
  } finally {
    report?.discard();
  }
}

/** Returns the log line with the exact time used for `--date`. */
function dateNotice(date: Date, typed: string): string {
  const utc = hasOffset(typed) ? '' : ` (--date ${typed} has no time zone: using UTC)`;
  return `Restoring the newest backups before ${formatTimestamp(date)}${utc}`;
}
