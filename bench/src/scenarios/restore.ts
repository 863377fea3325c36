import { join } from 'node:path';
import { ONE_HOST } from '../../trees/names.ts';
import { sizeOf } from '../ground.ts';
import type { BenchTree, Outcome, Plan } from '../plan.ts';
import { inRounds } from '../rounds.ts';

/** Restores what {@link firstBackup} stored into an empty directory: everything, and one host of a hundred. */
export async function restore(plan: Plan, tree: BenchTree): Promise<Outcome> {
  const all = await restorePart(plan, tree, {
    id: `restore-all-${tree.id}`,
    title: `Restore all, ${tree.title}`,
    note: 'Into an empty directory. The number of files and bytes is checked.',
  });
  const share = await restorePart(plan, tree, {
    id: `restore-part-${tree.id}`,
    title: `Restore 1 %, ${tree.title}`,
    note: 'One host of a hundred, into an empty directory.',
    only: ONE_HOST,
  });
  return {
    scenarios: [...all.scenarios, ...share.scenarios],
    measurements: [...all.measurements, ...share.measurements],
  };
}

async function restorePart(
  plan: Plan,
  tree: BenchTree,
  { only, ...scenario }: { id: string; title: string; note: string; only?: string },
): Promise<Outcome> {
  const { ground, contenders } = plan;
  const expected = await sizeOf(join(ground.at('trees', tree.id), only ?? ''), '.wsp');
  const target = ground.at('restored');
  const entries = contenders.always.flatMap((contender) => {
    const places = ground.places(tree.id, contender);
    const command = contender.restore?.(places, target, only);
    if (command === undefined) return [];
    return {
      contender,
      command,
      async before() {
        await ground.emptied('restored');
        await ground.warm(places.store);
      },
      async after() {
        const { files, bytes } = await sizeOf(target, '.wsp');
        if (files === expected.files && bytes === expected.bytes) return undefined;
        throw new Error(
          `Cannot compare: ${contender.title} restored ${files} files with ${bytes} bytes, but ` +
            `${expected.files} files with ${expected.bytes} bytes were backed up`,
        );
      },
    };
  });
  const measurements = await inRounds(scenario, entries, plan);
  await ground.emptied('restored');
  return { scenarios: [scenario], measurements };
}
