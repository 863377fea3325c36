import { UsageError } from '../../config/errors.ts';
import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { backupStep } from './steps/backup.ts';
import { compareStep } from './steps/compare.ts';
import { metricsOption, previewStep, restoreSteps } from './steps/restore.ts';

const moveMetrics: Runbook = {
  name: 'move-metrics',
  title: "Move a host's metrics to another: through the bucket of the first",
  options: [
    {
      ...{ name: 'from', value: 'host', isRequired: true, kind: 'host', unless: 'from-is-dead' },
      text: 'The host that has them',
    },
    { name: 'to', value: 'host', isRequired: true, kind: 'host', text: 'The host that gets them' },
    { ...metricsOption, isRequired: true },
    { name: 'bucket', value: 'name', isRequired: true, text: 'Bucket of the first' },
    { name: 'storage-path', value: 'path', text: 'Path in that bucket, ahead of each metric (none)' },
    { name: 'from-is-dead', text: 'The first is gone: take what its bucket has' },
  ],
  plan,
};

function plan(values: Values): Plan {
  const [from, to] = [values.required('from'), values.required('to')];
  if (from === to) throw new UsageError(`--from and --to must be two hosts: got ${from} twice`);
  const fleet = new Fleet(values);
  const globs = values.all('metrics');
  const place = [`--bucket=${values.required('bucket')}`, `--storage-path=${values.one('storage-path') ?? ''}`];
  const wish = { globs, args: place };
  const isAlive = !values.is('from-is-dead');
  const again = restoreSteps(fleet, to, { ...wish, id: 'restore-rest' });
  return {
    steps: [
      ...(isAlive ? [backupStep(fleet, from, { id: 'backup-source', why: 'its bucket has what it has' })] : []),
      previewStep(fleet, to, wish),
      ...restoreSteps(fleet, to, { ...wish, asks: `Restore ${globs.join(' ')} of ${from} on ${to}?` }),
      compareStep(fleet, to, { globs, place }),
      {
        id: 'switch',
        title: `You: send the points of these metrics to ${to} from now on (relay, clients), and Graphite-web's queries too`,
        commands: [],
        asks: `Do new points go to ${to}?`,
      },
      ...(isAlive
        ? [
            backupStep(fleet, from, { id: 'backup-source-again', why: 'the points that came until the switch' }),
            ...again.map((step) => ({ ...step, title: `${step.title}: the points that came until the switch` })),
          ]
        : []),
      backupStep(fleet, to, { id: 'backup-target', why: 'its own bucket has them from now on' }),
    ],
    mind: [
      `The files on ${from} are left alone: delete them when nobody misses anything.`,
      `Their backups in the bucket of ${from} go by themselves when they have been gone for as long as its --purge says.`,
      isAlive ? '' : `Points that ${from} got after its last backup are lost.`,
    ].filter((line) => line !== ''),
  };
}

await runRunbook(moveMetrics);
