import { UsageError } from '../../../config/errors.ts';
import { type Part, parsePart } from '../../../lib/operations/shared/part.ts';
import { verify } from '../../../lib/operations/verify/verify.ts';
import { thisMachine } from '../host/machine.ts';
import type { Invocation } from '../run/invocation.ts';
import { dateOf, loadOf, placeOf, selectOf, treeOf } from '../run/operation-options.ts';
import { runCheck } from '../run/recorded-check.ts';
import { reportOn, runOperation } from '../run/run.ts';
import { withStore, withTraffic } from '../run/store.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option } = invocation;
  const date = dateOf(invocation, 'date');
  const since = dateOf(invocation, 'since');
  const readData = partOf(option('readData'), config.storage);
  const adopt = option('adopt') === 'true';
  const repair = option('repair') === 'true' ? { machine: await thisMachine(), adopt } : undefined;
  if (repair && dateOf(invocation, 'asOf')) {
    throw new UsageError('--repair changes the bucket, and --as-of only reads an earlier state of it: use one of them');
  }
  const part = typeof readData === 'object' ? { part: readData } : {};
  const verified = () =>
    runOperation(
      invocation,
      'verify',
      (ended) =>
        reportOn(invocation, (run) =>
          withStore(invocation, async (store, { traffic }) => {
            const summary = await verify(store, {
              ...run,
              ...selectOf(config),
              ...placeOf(config),
              ...loadOf(config),
              gzipEngine: config.gzipEngine,
              readData,
              includeDamaged: config.includeDamaged,
              ...(date && { date }),
              ...(since && { since }),
              ...(option('compare') === 'true' && { compare: treeOf(config) }),
              ...(repair && { repair }),
              dryRun: config.noop,
            });
            return ended(withTraffic(summary, traffic));
          }),
        ),
      // Only a repair writes, so only a repair takes the lock.
      { lock: repair !== undefined },
    );
  // A check of the listing alone would hide earlier damage in the status.
  return readData === false ? verified() : runCheck(invocation, { name: 'verify', ...part }, verified);
}

/** @throws UsageError if the part is a separate word; InvalidOptionError if it is invalid. */
function partOf(text: string | undefined, storage: string | undefined): boolean | Part {
  if (storage !== undefined && /^(\d+|today)\/\d+$/.test(storage)) {
    throw new UsageError(`No storage '${storage}': write the part as --read-data=${storage}`);
  }
  if (text === undefined || text === 'false') return false;
  return text === 'true' ? true : parsePart(text);
}
