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
  title: 'Bad data was written since a date: go back to what was stored before it',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'The host, as the inventory names it' },
    { ...metricsOption, isRequired: true },
    { name: 'date', value: 'date', isRequired: true, kind: 'date', text: 'Since when the data is bad, in ISO-8601' },
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
  const question = `Replace the files of ${globs.join(' ')} on ${host} by what was stored before ${date}?`;
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
      backupStep(fleet, host, { id: 'backup', why: 'the good state is the newest again' }),
    ],
    mind: [
      `All points of these metrics since their last backup before ${date} are lost from the tree, the good ones too.`,
      `They are in the copy that is kept on the host, in ${copy.directory}; good points can be filled in from it by hand.`,
      `Metrics that have no backup before ${date} are left as they are.`,
    ],
  };
}

await runRunbook(badData);
