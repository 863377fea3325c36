import { setTimeout as sleep } from 'node:timers/promises';
import { changeTenth } from '../../trees/changes.ts';
import type { Contender } from '../contender.ts';
import type { BenchTree, Outcome, Plan } from '../plan.ts';
import { type Entry, mergeRuns, oneRound } from '../rounds.ts';

/** Longer than the clock resolution with which programs detect changed files. */
const SETTLE_MS = 2500;

/** The nightly run: in each round with a tenth of the files changed, then with none changed. */
export async function again(plan: Plan, tree: BenchTree): Promise<Outcome> {
  const { ground, contenders } = plan;
  const changed = {
    id: `changed-${tree.id}`,
    title: `10 % changed, ${tree.title}`,
    note: 'Every tenth file has changed since the last run, with an hour of new points.',
  };
  const unchanged = {
    id: `unchanged-${tree.id}`,
    title: `Unchanged, ${tree.title}`,
    note: 'No file has changed since the last run. `find -printf` looks at every file and opens none: the lower bound.',
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
    await sleep(SETTLE_MS);
    found.push(...(await oneRound(changed, contenders.always.map(entry), round, plan)));
    await sleep(SETTLE_MS);
    const all = [...contenders.always, ...contenders.unchanged];
    found.push(...(await oneRound(unchanged, all.map(entry), round, plan)));
  }
  return { scenarios: [changed, unchanged], measurements: mergeRuns(found) };
}
