import { resolve } from 'node:path';
import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Step, Values } from './engine/runbook.ts';
import { backupStep, statusStep } from './steps/backup.ts';
import { carbonOption, startCarbon } from './steps/carbon.ts';
import { fallbackOf, fallbackOption, metricsOption, type RestoreWish, restoreSteps } from './steps/restore.ts';
import { holdTimer } from './steps/timer.ts';

const hostLost: Runbook = {
  name: 'host-lost',
  title: 'A host is lost: bring its metrics back on a new machine of the same name',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'The host, as the inventory names it' },
    metricsOption,
    { name: 'date', value: 'date', kind: 'date', text: 'Newest backups before this ISO-8601 date (now)' },
    { name: 'release', value: 'file', text: 'Tarball to install (that of the inventory)' },
    fallbackOption,
    {
      name: 'carbon-first',
      text: 'Start carbon before the restore: new points are kept at once, old ones are filled in',
    },
    { name: 'no-backfill', text: 'Do not restore a second time once carbon writes' },
    carbonOption,
  ],
  plan,
};

/**
 * The bucket is adopted last. Until then it is the lost machine's, and a backup from the new one, whose tree is not
 * whole, is refused by the bucket itself, whatever starts it.
 */
function plan(values: Values): Plan {
  const host = values.required('host');
  const fleet = new Fleet(values);
  const date = values.one('date');
  const tarball = values.one('release');
  const release = tarball === undefined ? undefined : resolve(tarball);
  const roll = { ...(release !== undefined && { whisper_backup_release: release }) };
  const carbon = startCarbon(fleet, host, values);
  const wanted = values.all('metrics').filter((glob) => glob !== '*');
  const args = fallbackOf(values);
  const steps: Step[] = [
    {
      id: 'deploy',
      title: `Install whisper-backup on the new ${host}`,
      commands: [fleet.playbook('deploy', host, roll)],
    },
    holdTimer(fleet, host),
    ...(values.is('carbon-first') ? [carbon] : []),
    ...restoreSteps(fleet, host, { globs: [...wanted, '*'], date, args }),
    ...(values.is('carbon-first') ? [] : [carbon]),
    ...(values.is('no-backfill') ? [] : backfill(fleet, host, { globs: ['*'], date, args, id: 'backfill' })),
    {
      id: 'adopt',
      title: `Let the next backup of ${host} take the bucket over, and let the timer go on`,
      commands: [fleet.playbook('deploy', host, { ...roll, adopt: true })],
      asks: `Take the bucket over for the new ${host}? The old machine must not come back.`,
      frees: ['hold-timer'],
    },
    backupStep(fleet, host, { id: 'backup', why: 'it adopts the bucket, and stores what is new' }),
    statusStep(fleet, host),
  ];
  return {
    steps,
    mind: [
      'Points that came after the last backup of the lost machine are lost, unless a relay kept them.',
      date === undefined ? '' : `Points stored after ${date} are not restored.`,
    ].filter((line) => line !== ''),
  };
}

/** What carbon made anew in the meantime, or kept locked, gets its old points now. */
function backfill(fleet: Fleet, host: string, wish: RestoreWish): Step[] {
  const title = `Fill the gaps of files that carbon on ${host} has made anew meanwhile`;
  return restoreSteps(fleet, host, wish).map((step) => ({ ...step, title }));
}

await runRunbook(hostLost);
