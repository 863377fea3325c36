import type { Contender } from '../contender.ts';
import { sizeOf } from '../ground.ts';
import { measure } from '../meter.ts';
import type { BenchTree, Outcome, Plan } from '../plan.ts';
import { inRounds } from '../rounds.ts';

/** Backs up everything into an empty store. The stores of contenders in all scenarios remain after the last round. */
export async function firstBackup(plan: Plan, tree: BenchTree): Promise<Outcome> {
  const { ground, contenders } = plan;
  // The engines need only one tree: their speed per byte does not depend on the number of files.
  const others = tree.id === 'large' ? contenders.first : [];
  const scenario = {
    id: `first-${tree.id}`,
    title: `First backup, ${tree.title}`,
    note: 'Into an empty store, created before if a program needs that. Stored: the size of all files in the store.',
  };
  const entry = (contender: Contender, remains: boolean) => {
    const places = ground.places(tree.id, contender);
    return {
      contender,
      command: contender.backup(places, 0),
      async before() {
        await ground.forget(places);
        const prepare = contender.prepare?.(places);
        if (prepare) await measure(prepare, plan);
        await ground.warm(places.tree);
      },
      async after() {
        const { bytes } = await sizeOf(places.store);
        if (!remains) await ground.forget(places);
        return bytes;
      },
    };
  };
  const measurements = await inRounds(
    scenario,
    [
      ...contenders.always.map((contender) => entry(contender, true)),
      ...others.map((contender) => entry(contender, false)),
    ],
    plan,
  );
  return { scenarios: [scenario], measurements };
}
