import { makeManyBackups, makeManyMetrics } from '../../trees/many-metrics.ts';
import { find } from '../contenders/find.ts';
import { type Command, measure } from '../meter.ts';
import type { Outcome, Plan } from '../plan.ts';
import type { ContenderInfo } from '../results.ts';
import { type Entry, inRounds } from '../rounds.ts';

const BACKUPS = 5;

/** Measures a million metrics and more, with five backups each, on the disk store: does time grow linearly, memory not at all? */
export async function scale(plan: Plan, metrics: number): Promise<Outcome> {
  const { ground, log } = plan;
  const count = metrics.toLocaleString('en');
  const scenario = {
    id: `scale-${metrics}`,
    title: `${count} metrics, ${BACKUPS} backups each`,
    note: 'Files of 100 bytes on the disk store. The unchanged run is the second one; the first has read every file.',
  };
  const tree = await ground.emptied('many', 'tree');
  const bucket = await ground.emptied('many', 'bucket');
  log(`Making ${scenario.title}`);
  makeManyMetrics(tree, { metrics });
  const newest = new Date(Date.now() - 3_600_000);
  await makeManyBackups(bucket, { metrics, backups: BACKUPS, newest });

  const places = { tree, store: bucket, state: await ground.emptied('many', 'state') };
  const processes = ['--processes', String(plan.processes)];
  const run = (command: string, ...args: string[]): Command => {
    const common = ['--bucket', 'bucket', '--nolog', '--quiet', ...args];
    return plan.program.command('release', [command, 'disk', `path=${ground.at('many')}`, ...common]);
  };
  const changing = ['--prefix', tree, '--nostamp', '--nolock', '--state-dir', places.state];
  const unchanged = run('backup', ...changing, ...processes, '--cache-dir', places.state);
  const entries: Entry[] = [
    entry('unchanged', 'backup, unchanged', 'ours', unchanged),
    entry('list', 'list', 'ours', run('list', '--json')),
    entry('purge', 'purge', 'ours', run('purge', ...changing)),
    entry('verify', 'verify, by the listing', 'ours', run('verify', '--nolock')),
    entry('find', find.title, 'floor', find.backup(places, 0)),
  ];
  await measure(unchanged, plan);
  const measurements = await inRounds(scenario, entries, { ...plan, rounds: 1 });
  await ground.emptied('many');
  return { scenarios: [scenario], measurements, contenders: entries.map(({ contender }) => contender) };
}

function entry(id: string, title: string, kind: ContenderInfo['kind'], command: Command): Entry {
  return { contender: { id: `scale-${id}`, title, kind }, command };
}
