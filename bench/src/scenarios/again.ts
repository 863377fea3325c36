import { setTimeout as sleep } from 'node:timers/promises';
import { changeTenth } from '../../trees/changes.ts';
import type { Contender } from '../contender.ts';
import type { BenchTree, Outcome, Plan } from '../plan.ts';
import { type Entry, joined, oneRound } from '../rounds.ts';

/** Longer than the grain of any clock by which a program tells whether a file has changed since it looked. */
const SETTLED = 2500;

/** The nightly run: in each round a tenth of the files has changed; then nothing has. */
export async function again(plan: Plan, tree: BenchTree): Promise<Outcome> {
  const { ground, contenders } = plan;
  const changed = {
    id: `changed-${tree.id}`,
    title: `10 % changed, ${tree.title}`,
    note: 'Every tenth file was written to since the last run, an hour of points each.',
  };
  const unchanged = {
    id: `unchanged-${tree.id}`,
    title: `Unchanged, ${tree.title}`,
    note: 'Nothing was written to since the last run. `find -printf` looks at every file and opens none: the floor.',
  };
  let serial = 0;
  const entry = (contender: Contender): Entry => {
    const places = ground.places(tree.id, contender);
    return {
      contender,
      command: contender.backup(places, ++serial),
      before: () => ground.warm(places.tree, ...(contender.kind === 'floor' ? [] : [places.store])),
    };
  };
  const found = [];
  for (let round = 0; round < plan.rounds; round++) {
    changeTenth(ground.at('trees', tree.id), tree.spec.files, round);
    await sleep(SETTLED);
    found.push(...(await oneRound(changed, contenders.always.map(entry), round, plan)));
    await sleep(SETTLED);
    const all = [...contenders.always, ...contenders.unchanged];
    found.push(...(await oneRound(unchanged, all.map(entry), round, plan)));
  }
  return { scenarios: [changed, unchanged], measurements: joined(found) };
}
