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
  title: 'A host is lost: restore its metrics on a new machine of the same name',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'Name of the host in the inventory' },
    metricsOption,
    { name: 'date', value: 'date', kind: 'date', text: 'Newest backups before this ISO 8601 date (now)' },
    { name: 'release', value: 'file', text: 'Tarball to install (from the inventory)' },
    fallbackOption,
    {
      name: 'carbon-first',
      text: 'Start carbon before the restore: new points are stored at once, old ones are filled in',
    },
    { name: 'no-backfill', text: 'Do not restore again after carbon has started' },
    carbonOption,
  ],
  plan,
};

/**
 * Adopts the bucket last. Until then it belongs to the lost machine, so every backup from the new machine, whose tree is
 * incomplete, is refused.
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
      title: `Let the next backup of ${host} take over the bucket, and enable the timer again`,
      commands: [fleet.playbook('deploy', host, { ...roll, adopt: true })],
      asks: `Take over the bucket for the new ${host}? The old machine must not come back.`,
      frees: ['hold-timer'],
    },
    backupStep(fleet, host, { id: 'backup', why: 'adopts the bucket, and stores new data' }),
    statusStep(fleet, host),
  ];
  return {
    steps,
    mind: [
      'Points that arrived after the last backup or journal run of the lost machine are lost, unless a relay kept them.',
      date === undefined ? '' : `Points stored after ${date} are not restored.`,
    ].filter((line) => line !== ''),
  };
}

/** Restores old points into files that carbon has created or locked during the first restore. */
function backfill(fleet: Fleet, host: string, wish: RestoreWish): Step[] {
  const title = `Fill gaps in files that carbon on ${host} has created in the meantime`;
  return restoreSteps(fleet, host, wish).map((step) => ({ ...step, title }));
}

await runRunbook(hostLost);
