import { UsageError } from '../../config/errors.ts';
import { parseDate } from '../../lib/common/date.ts';
import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { backupStep } from './steps/backup.ts';
import { carbonOption, startCarbon, stopCarbon } from './steps/carbon.ts';
import { metricsOption, previewStep, restoreSteps } from './steps/restore.ts';
import { holdTimer, releaseTimer } from './steps/timer.ts';

const badData: Runbook = {
  name: 'bad-data',
  title: 'Bad data was written: restore the points of that time, and keep the good ones since',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'Name of the host in the inventory' },
    { ...metricsOption, isRequired: true },
    { name: 'from', value: 'date', isRequired: true, kind: 'date', text: 'Time of the first bad point, in ISO 8601' },
    { name: 'until', value: 'date', isRequired: true, kind: 'date', text: 'Time of the first good point after them' },
    {
      name: 'date',
      value: 'date',
      kind: 'date',
      text: 'When the bad data began to be written, if that is not --from: of old points, for example',
    },
    carbonOption,
  ],
  plan,
};

function plan(values: Values): Plan {
  const host = values.required('host');
  const [from, until] = [values.required('from'), values.required('until')];
  if (parseDate(from) >= parseDate(until)) throw new UsageError('--until must be later than --from');
  // The journal is applied up to the date, and the first bad point must not be.
  const date = values.one('date') ?? new Date(parseDate(from).getTime() - 1000).toISOString();
  const fleet = new Fleet(values);
  const globs = values.all('metrics');
  const question = `Replace the points from ${from} to ${until} of ${globs.join(' ')} on ${host} by those that backups and journal had before ${date}?`;
  const wish = { globs, date, window: { from, until }, asks: question };
  return {
    steps: [
      holdTimer(fleet, host),
      previewStep(fleet, host, wish),
      stopCarbon(fleet, host, values),
      ...restoreSteps(fleet, host, wish),
      startCarbon(fleet, host, values),
      releaseTimer(fleet, host),
      backupStep(fleet, host, { id: 'backup', why: 'makes the good state the newest backup' }),
    ],
    mind: [
      `Good points of these metrics from ${from} to ${until} are removed with the bad ones, unless a backup or the journal had them before ${date}.`,
      'The state before is stored under a hold: the restore prints the command that undoes it.',
      'Bad points in the queues of relays and aggregators are written when carbon starts: stop their source, and let the queues drain, first.',
      `Metrics without a backup before ${date} are not changed.`,
    ],
  };
}

await runRunbook(badData);
