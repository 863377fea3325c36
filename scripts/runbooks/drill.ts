import { join } from 'node:path';
import { drillReport } from '../fleet/drill-report.ts';
import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';

const drill: Runbook = {
  name: 'drill',
  title: 'Rehearse the loss of hosts: restore a sample into scratch space, compare, measure RPO and RTO',
  options: [
    { name: 'limit', value: 'group', kind: 'hosts', text: 'A host or group of the inventory (graphite)' },
    { name: 'metrics', value: 'glob', text: 'Only these metrics (*)' },
    {
      name: 'sample',
      value: 'n/t',
      text: 'Part n of t of the metrics (1/50, or all of a small host; 1/1 is all)',
    },
    { name: 'scratch', value: 'dir', text: "Empty directory on the hosts (from the hosts' configuration)" },
  ],
  isRehearsal: true,
  plan,
};

function plan(values: Values): Plan {
  const limit = values.one('limit') ?? 'graphite';
  const fleet = new Fleet(values);
  const directory = join(fleet.directory, 'drill');
  const metrics = values.one('metrics');
  const sample = values.one('sample');
  const scratch = values.one('scratch');
  const variables = {
    fleet_dir: fleet.directory,
    ...(sample !== undefined && { drill_sample: sample }),
    ...(metrics !== undefined && { metrics }),
    ...(scratch !== undefined && { drill_scratch: scratch }),
  };
  return {
    steps: [
      {
        id: 'drill',
        title: `Restore a sample of each bucket of ${limit} into scratch space on its host, and compare it with the live tree; report the measured RPO and RTO`,
        commands: [fleet.playbook('drill', limit, variables)],
        report: (since) => drillReport(directory, since),
      },
    ],
    mind: ['Live trees and buckets are only read; the scratch space is emptied afterwards.'],
  };
}

await runRunbook(drill);
