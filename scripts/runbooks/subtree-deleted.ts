import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { carbonOption, startCarbon, stopCarbon } from './steps/carbon.ts';
import { compareStep } from './steps/compare.ts';
import { listStep } from './steps/list.ts';
import { fallbackOf, fallbackOption, metricsOption, previewStep, restoreSteps } from './steps/restore.ts';

const subtreeDeleted: Runbook = {
  name: 'subtree-deleted',
  title: 'Part of the tree was deleted by mistake: restore it while carbon runs',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'Name of the host in the inventory' },
    { ...metricsOption, isRequired: true },
    {
      name: 'date',
      value: 'date',
      kind: 'date',
      text: 'When it was deleted: use the newest backups before that (now)',
    },
    fallbackOption,
    {
      name: 'stop-carbon',
      text: 'Stop carbon during the restore: it may drop points of files that it creates in the meantime',
    },
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
      'Points that arrived between the last backup or journal run and the deletion are lost.',
      isStopping
        ? 'Carbon is stopped during the restore; relays keep new points until their queues are full.'
        : 'Carbon keeps running: files that it has created keep their points, and get the old ones.',
    ],
  };
}

await runRunbook(subtreeDeleted);
