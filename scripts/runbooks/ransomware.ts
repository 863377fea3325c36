import { UsageError } from '../../config/errors.ts';
import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Step, Values } from './engine/runbook.ts';
import { compareStep } from './steps/compare.ts';
import { metricsOption } from './steps/restore.ts';
import { holdTimer } from './steps/timer.ts';

const ransomware: Runbook = {
  name: 'ransomware',
  title: 'Someone deleted or overwrote backups: restore a bucket with versions as it was before, into a new directory',
  options: [
    {
      ...{ name: 'host', value: 'host', isRequired: true, kind: 'host', unless: 'host-is-off' },
      text: 'The host that the bucket belongs to',
    },
    {
      ...{ name: 'as-of', value: 'date', isRequired: true, kind: 'date' },
      text: 'The moment before the attack, in ISO 8601',
    },
    { name: 'into', value: 'dir', isRequired: true, text: 'New directory to restore into, not the tree of carbon' },
    { name: 'on', value: 'host', kind: 'host', text: 'A clean host to restore on (the same host)' },
    { name: 'bucket', value: 'name', text: 'Bucket of the first host; required with --on' },
    { name: 'storage-path', value: 'path', text: 'Path in that bucket before each metric name (none); needs --bucket' },
    { name: 'credentials', value: 'file', text: 'File of new credentials on the host where the restore runs' },
    { name: 'owner', value: 'user:group', text: 'Owner of the restored files (the owner of the directory)' },
    metricsOption,
    { name: 'host-is-off', text: 'The first host is switched off: its timer is not stopped; needs --on' },
  ],
  plan,
};

function plan(values: Values): Plan {
  const host = values.required('host');
  const asOf = values.required('as-of');
  const into = values.required('into');
  checkOptions(values);
  const fleet = new Fleet(values);
  const on = values.one('on') ?? host;
  const globs = values.all('metrics').length > 0 ? values.all('metrics') : ['*'];
  const bucket = values.one('bucket');
  const credentials = values.one('credentials');
  const owner = values.one('owner');
  const place = [
    `--as-of=${asOf}`,
    ...(bucket === undefined ? [] : [`--bucket=${bucket}`, `--storage-path=${values.one('storage-path') ?? ''}`]),
    ...(credentials === undefined ? [] : [`--credentials=${credentials}`]),
  ];
  const there = ['--nolog', ...place, `--prefix=${into}`];
  return {
    steps: [
      {
        id: 'revoke',
        title: `By hand: revoke the credentials of ${host}, stop every prune of its bucket, and make credentials that read versions`,
        commands: [],
        asks: `Are the credentials of ${host} revoked, and does nothing prune its bucket?`,
      },
      ...(values.is('host-is-off') ? [] : [holdTimer(fleet, host)]),
      {
        id: 'records',
        title: `Show the status of ${host} at that moment, from the run records in the bucket`,
        // A status that was not good is a finding, not a failure.
        commands: [fleet.tool(on, [...place, '--bucket-records', 'status'], { accepts: [0, 1] })],
      },
      verifyStep(fleet, on, globs, place),
      {
        id: 'restore',
        title: `Restore on ${on} into ${into}, from backups and journal as of ${asOf}`,
        commands: globs.map((glob) =>
          fleet.tool(on, [
            ...there,
            ...(owner === undefined ? [] : [`--owner=${owner}`]),
            `--metrics=${glob}`,
            'restore',
          ]),
        ),
        asks: `Restore ${globs.join(' ')} as of ${asOf} into ${into} on ${on}?`,
      },
      compareStep(fleet, on, { globs, place: there.slice(1) }),
    ],
    mind: [
      `Nothing is written to the bucket. The timer of ${host} stays disabled: enable it with new credentials, best with a new bucket.`,
      `Points after ${asOf} are not restored. The tree of carbon is not changed: look at ${into} before you use it.`,
      'If verify finds damage, the moment is too late: run this again with an earlier --as-of and --anew.',
      'Locks end: copy what you need before the days of the lock are over.',
    ],
  };
}

/** @throws UsageError if they contradict each other. */
function checkOptions(values: Values): void {
  const [on, bucket, into] = [values.one('on'), values.one('bucket'), values.required('into')];
  if (!into.startsWith('/')) throw new UsageError(`--into must be an absolute path: got ${JSON.stringify(into)}`);
  if (on !== undefined && bucket === undefined)
    throw new UsageError('--on needs --bucket: the bucket of the first host');
  if (values.one('storage-path') !== undefined && bucket === undefined)
    throw new UsageError('--storage-path needs --bucket');
  if (values.is('host-is-off') && on === undefined)
    throw new UsageError('--host-is-off needs --on: a host to restore on');
}

/** Backups of files that were already damaged when they were backed up are no damage of the bucket. */
function verifyStep(fleet: Fleet, on: string, globs: readonly string[], place: readonly string[]): Step {
  const reading = ['--read-data', '--include-damaged', '--nolog', ...place];
  return {
    id: 'verify',
    title: 'Read every backup of that moment: none must be damaged',
    commands: globs.map((glob) => fleet.tool(on, [...reading, `--metrics=${glob}`, 'verify'])),
  };
}

await runRunbook(ransomware);
