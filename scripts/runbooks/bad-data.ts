import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { backupStep } from './steps/backup.ts';
import { carbonOption, startCarbon, stopCarbon } from './steps/carbon.ts';
import { keepCopyStep, keepInOption } from './steps/keep-copy.ts';
import { metricsOption, previewStep, restoreSteps } from './steps/restore.ts';
import { holdTimer, releaseTimer } from './steps/timer.ts';

const badData: Runbook = {
  name: 'bad-data',
  title: 'Bad data was written since a date: restore the state before it',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'Name of the host in the inventory' },
    { ...metricsOption, isRequired: true },
    {
      name: 'date',
      value: 'date',
      isRequired: true,
      kind: 'date',
      text: 'A minute before the bad data began, in ISO 8601',
    },
    keepInOption,
    carbonOption,
  ],
  plan,
};

function plan(values: Values): Plan {
  const host = values.required('host');
  const date = values.required('date');
  const fleet = new Fleet(values);
  const globs = values.all('metrics');
  const question = `Replace the files of ${globs.join(' ')} on ${host} with their backups and journal from before ${date}?`;
  const wish = { globs, date, args: ['--overwrite'], asks: question };
  const copy = keepCopyStep(fleet, host, values);
  return {
    steps: [
      holdTimer(fleet, host),
      previewStep(fleet, host, wish),
      stopCarbon(fleet, host, values),
      copy.step,
      ...restoreSteps(fleet, host, wish),
      startCarbon(fleet, host, values),
      releaseTimer(fleet, host),
      backupStep(fleet, host, { id: 'backup', why: 'makes the good state the newest backup' }),
    ],
    mind: [
      `All points of these metrics since ${date} are lost from the tree, including good ones; without a journal, those since their last backup before it, too.`,
      `The copy in ${copy.directory} on the host has them; good points can be filled in from it by hand.`,
      `Metrics without a backup before ${date} are not changed.`,
    ],
  };
}

await runRunbook(badData);
