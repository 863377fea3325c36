import { UsageError } from '../../config/errors.ts';
import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { backupStep } from './steps/backup.ts';
import { compareRenamedStep, compareStep } from './steps/compare.ts';
import { metricsOption, previewStep, restoreSteps } from './steps/restore.ts';

const moveMetrics: Runbook = {
  name: 'move-metrics',
  title: 'Move metrics from one host to another, through the bucket of the first',
  options: [
    {
      ...{ name: 'from', value: 'host', isRequired: true, kind: 'host', unless: 'from-is-dead' },
      text: 'The host that has them',
    },
    { name: 'to', value: 'host', isRequired: true, kind: 'host', text: 'The host that gets them' },
    { ...metricsOption, isRequired: true },
    { name: 'bucket', value: 'name', isRequired: true, text: 'Bucket of the first host' },
    { name: 'storage-path', value: 'path', text: 'Path in that bucket before each metric name (none)' },
    {
      ...{ name: 'rename', value: 'old=new', isMany: true },
      text: 'New names of the metrics on the second host, as for restore; --metrics selects the old ones',
    },
    { name: 'from-is-dead', text: 'The first host is dead: use the backups in its bucket' },
  ],
  plan,
};

function plan(values: Values): Plan {
  const [from, to] = [values.required('from'), values.required('to')];
  if (from === to) throw new UsageError(`--from and --to must be two hosts: got ${from} twice`);
  const fleet = new Fleet(values);
  const globs = values.all('metrics');
  const place = [`--bucket=${values.required('bucket')}`, `--storage-path=${values.one('storage-path') ?? ''}`];
  const renames = values.all('rename').map((rule) => `--rename=${rule}`);
  const wish = { globs, args: [...place, ...renames] };
  const isAlive = !values.is('from-is-dead');
  const again = restoreSteps(fleet, to, { ...wish, id: 'restore-rest' });
  return {
    steps: [
      ...(isAlive ? [backupStep(fleet, from, { id: 'backup-source', why: 'brings its bucket up to date' })] : []),
      previewStep(fleet, to, wish),
      ...restoreSteps(fleet, to, { ...wish, asks: `Restore ${globs.join(' ')} of ${from} on ${to}?` }),
      renames.length === 0
        ? compareStep(fleet, to, { globs, place })
        : compareRenamedStep(fleet, to, { globs, place: wish.args }),
      {
        id: 'switch',
        title: `By hand: send new points of these metrics (relay, clients) and Graphite-web's queries to ${to}`,
        commands: [],
        asks: `Do new points go to ${to}?`,
      },
      ...(isAlive
        ? [
            backupStep(fleet, from, { id: 'backup-source-again', why: 'stores the points up to the switch' }),
            ...again.map((step) => ({ ...step, title: `${step.title}: the points up to the switch` })),
          ]
        : []),
      backupStep(fleet, to, { id: 'backup-target', why: 'stores them in its own bucket' }),
    ],
    mind: [
      `The files on ${from} are not changed: delete them once nothing is missing.`,
      `Their backups in the bucket of ${from} are purged after the days of its --purge.`,
      isAlive ? '' : `Points that ${from} received after its last backup are lost.`,
    ].filter((line) => line !== ''),
  };
}

await runRunbook(moveMetrics);
