import { describe, it } from 'node:test';
import fc from 'fast-check';
import { reportReliability } from '../fixtures/reliability.ts';
import { SEEDED, seeded } from '../fixtures/seed.ts';
import { commands } from './commands.ts';
import { lookThrough } from './look.ts';
import { seen } from './seen.ts';
import { World } from './world.ts';

/** Takes random steps in a new world, and reads every backup in the end. */
async function live(kind: 'memory' | 'disk', days: Iterable<fc.AsyncCommand<World['expected'], World>>): Promise<void> {
  using world = new World(kind);
  await world.store.open({ create: true });
  await fc.asyncModelRun(() => ({ model: world.expected, real: world }), days);
  await lookThrough(world, true);
}

describe(`whatever happens, in whatever order (${SEEDED})`, () => {
  for (const [kind, runs] of [
    ['memory', 70],
    ['disk', 7],
  ] as const) {
    it(`a bucket in ${kind === 'memory' ? 'memory' : 'a directory'} fulfils the promises`, async (t) => {
      const days = fc.commands(commands, { maxCommands: 100, size: '+2' });
      await fc.assert(
        fc.asyncProperty(days, (days) => live(kind, days)),
        seeded(runs, 30),
      );
      reportReliability(t, 'point-in-time', seen());
    });
  }
});
