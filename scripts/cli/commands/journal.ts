import { journal } from '../../../lib/operations/journal/journal.ts';
import { thisMachine } from '../host/machine.ts';
import type { Invocation } from '../run/invocation.ts';
import { memoryFile } from '../run/memory-file.ts';
import { storingOf } from '../run/operation-options.ts';
import { partialBy } from '../run/partial-run.ts';
import { runCheck } from '../run/recorded-check.ts';
import { reportOn, runOperation } from '../run/run.ts';
import { checkStateDirectory } from '../run/state-directory.ts';
import { withStore, withTraffic } from '../run/store.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option } = invocation;
  const storing = await storingOf(invocation);
  const machine = await thisMachine();
  await checkStateDirectory(invocation);
  const partial = (await partialBy(invocation)).length > 0;
  const journaled = () =>
    runOperation(invocation, 'journal', (ended) =>
      reportOn(invocation, (run) =>
        withStore(invocation, async (store, { threadStore, traffic }) => {
          const summary = await journal(store, {
            ...run,
            ...storing,
            threadStore,
            machine,
            adopt: option('adopt') === 'true',
            ...(!config.noCache && { marks: { file: memoryFile(config, 'marks', store.name) } }),
            partial,
            journalKeep: config.journalKeep,
          });
          return ended(withTraffic(summary, traffic));
        }),
      ),
    );
  // Not a run record: there are a hundred journal runs a day, and they would displace the records of backups.
  return runCheck(invocation, { name: 'journal' }, journaled);
}
