import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { carbonOption, startCarbon, stopCarbon } from './steps/carbon.ts';
import { compareStep } from './steps/compare.ts';
import { listStep } from './steps/list.ts';
import { fallbackOf, fallbackOption, metricsOption, previewStep, restoreSteps } from './steps/restore.ts';

const subtreeDeleted: Runbook = {
  name: 'subtree-deleted',
  title: 'A part of the tree was deleted by mistake: bring it back while carbon runs',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'The host, as the inventory names it' },
    { ...metricsOption, isRequired: true },
    { name: 'date', value: 'date', kind: 'date', text: 'When it was deleted: newest backups before that (now)' },
    fallbackOption,
    { name: 'stop-carbon', text: 'Stop carbon for the restore: it may drop points of files that it creates meanwhile' },
    carbonOption,
  ],
  plan,
};

function plan(values: Values): Plan {
  const host = values.required('host');
  const fleet = new Fleet(values);
  const globs = values.all('metrics');
  const date = values.one('date');
  const wish = { globs, date, args: fallbackOf(values), asks: `Restore ${globs.join(' ')} on ${host}?` };
  const isStopping = values.is('stop-carbon');
  return {
    steps: [
      listStep(fleet, host, { globs, date }),
      previewStep(fleet, host, wish),
      ...(isStopping ? [stopCarbon(fleet, host, values)] : []),
      ...restoreSteps(fleet, host, wish),
      ...(isStopping ? [startCarbon(fleet, host, values)] : []),
      compareStep(fleet, host, { globs, date }),
    ],
    mind: [
      'Points that came between the last backup and the deletion are lost.',
      isStopping
        ? 'Carbon is stopped for the restore; relays keep new points as long as their queues hold.'
        : 'Carbon may go on: files that it has made anew keep their points, and get the old ones.',
    ],
  };
}

await runRunbook(subtreeDeleted);
