import { setTimeout as sleep } from 'node:timers/promises';
import { changeTenth } from '../../trees/changes.ts';
import { makeRealisticTree, SMALL_FILES } from '../../trees/realistic-tree.ts';
import type { Places } from '../contender.ts';
import { sizeOf } from '../ground.ts';
import { measure } from '../meter.ts';
import { allClients, type Client } from '../network/client.ts';
import { startDelayed } from '../network/delayed.ts';
import type { Remote } from '../network/remote.ts';
import type { Outcome, Plan } from '../plan.ts';
import type { Measurement, Scenario } from '../results.ts';
import { type Entry, mergeRuns, oneRound } from '../rounds.ts';

/** Longer than the clock resolution with which programs detect changed files. */
const SETTLE_MS = 2500;

/**
 * Backs up small files to a store over HTTP, which shares the processors: for the first time, after all have changed, and
 * after none has; then restores everything.
 *
 * @param delayMs of a round trip. With 0 there is no proxy, and requests are not counted.
 * @param only ids of the programs to include; default all.
 */
export async function network(
  plan: Plan,
  remote: Remote,
  files: number,
  delayMs: number,
  only?: readonly string[],
): Promise<Outcome> {
  const { ground, program, rounds } = plan;
  const clients = allClients(program, only);
  const delayed = delayMs > 0 ? await startDelayed(remote.host, remote.port, delayMs) : undefined;
  const at = remote.at(delayed?.port ?? remote.port);
  const where = `${remote.title}, round trip ${delayMs} ms`;
  const scenario = (id: string, title: string, note: string): Scenario => ({
    ...{
      id: `${remote.id}-${delayMs}-${id}`,
      title: `${where}: ${title}, ${files.toLocaleString('en')} files of 17 KB`,
    },
    ...{ note, files },
  });
  const first = scenario('first', 'first backup', 'Into an empty bucket. The server runs on the same processors.');
  const changed = scenario('changed', 'everything changed', 'Every file has new points, as after a day.');
  const unchanged = scenario('unchanged', 'unchanged', 'No file has changed since the last run.');
  const restored = scenario('restore', 'restore all', 'Into an empty directory. The number of files is checked.');
  const found: Measurement[] = [];
  const tree = ground.at('trees', 'network');
  const makeTree = async (count: number) => {
    await ground.emptied('trees', 'network');
    makeRealisticTree(tree, { ...SMALL_FILES, files: count });
  };
  const placesOf = ({ id }: Client): Places => ({
    ...{ tree, store: ground.at('none'), state: ground.at('state', `network-${id}`) },
  });
  /** A new Ceph creates its pools with the first bucket, which takes seconds. */
  const warmUp = async () => {
    await makeTree(1);
    for (const client of clients.slice(0, 1)) {
      const places = placesOf(client);
      const prepare = client.prepare?.(at, `bench-warm-up-${delayMs}`, places);
      await ground.forget(places);
      if (prepare) await measure(prepare, plan);
      await measure(client.backup(at, `bench-warm-up-${delayMs}`, places), plan);
    }
  };
  try {
    await warmUp();
    for (let round = 0; round < rounds; round++) {
      await makeTree(files);
      const bucketOf = ({ id }: Client) => `bench-${id}-${delayMs}-${round}`;
      const entries = (more: (client: Client, places: Places) => Pick<Entry, 'command' | 'before' | 'after'>) =>
        clients.map((contender) => ({
          contender,
          ...more(contender, placesOf(contender)),
          ...(delayed && { requests: delayed.take }),
        }));
      const backups = (scenario: Scenario, isFirst: boolean) =>
        oneRound(
          scenario,
          entries((client, places) => ({
            command: client.backup(at, bucketOf(client), places),
            async before() {
              if (isFirst) await ground.forget(places);
              const prepare = isFirst && client.prepare?.(at, bucketOf(client), places);
              if (prepare) await measure(prepare, plan);
              await ground.warm(tree);
              await delayed?.take();
            },
          })),
          round,
          plan,
        );
      found.push(...(await backups(first, true)));
      await sleep(SETTLE_MS);
      for (let tenth = 0; tenth < 10; tenth++) changeTenth(tree, files, tenth);
      await sleep(SETTLE_MS);
      found.push(...(await backups(changed, false)), ...(await backups(unchanged, false)));
      const target = ground.at('restored');
      const restores = entries((client, places) => ({
        command: client.restore(at, bucketOf(client), places, target),
        async before() {
          await ground.emptied('restored');
          await delayed?.take();
        },
        async after() {
          const { files: count } = await sizeOf(target, '.wsp');
          if (count !== files) throw new Error(`${client.title} restored ${count} of ${files} files`);
          return undefined;
        },
      }));
      found.push(...(await oneRound(restored, restores, round, plan)));
    }
  } finally {
    await delayed?.stop();
  }
  return {
    contenders: clients,
    scenarios: [first, changed, unchanged, restored],
    measurements: mergeRuns(found),
  };
}
