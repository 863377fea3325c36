import fc from 'fast-check';
import type { Expected } from './expected.ts';
import type { Fault } from './faults.ts';
import * as holds from './holds.ts';
import { lookThrough } from './look.ts';
import { bringBackHere, bringBackNew, type RestoreChoice } from './restores.ts';
import { backUpAsPython, backUpBoth, backUpElsewhere, type RunChoice, tryOut } from './runs.ts';
import { step } from './step.ts';
import { damage, fresh, PLAIN, reappear, removeMany, removeOne, write, writeMany } from './tree-steps.ts';
import type { World } from './world.ts';

/** In seconds. */
const DAY = 86_400;

const only = fc.constantFrom(undefined, undefined, undefined, 'servers');

const fault: fc.Arbitrary<Fault | undefined> = fc.option(
  fc.record({
    call: fc.constantFrom('get', 'put', 'put', 'delete', 'delete', 'delete', 'delete', 'list', 'flush', 'clock'),
    at: fc.constantFrom(0, 0, 0, 1, 2, 5),
    lasts: fc.boolean(),
    kind: fc.constantFrom('refused', 'lost', 'half', 'named', 'stop'),
  }),
  { nil: undefined, freq: 2 },
);

const run: fc.Arbitrary<RunChoice> = fc.record({
  retention: fc.constantFrom(1, 2, 3, 5),
  keepWithin: fc.constantFrom(0, 0, 3, 20),
  keepDaily: fc.constantFrom(0, 0, 0, 2, 5),
  keepWeekly: fc.constantFrom(0, 0, 0, 1, 3),
  keepMonthly: fc.constantFrom(0, 0, 0, 1, 4),
  keepYearly: fc.constantFrom(0, 0, 0, 2),
  purge: fc.constantFrom(45, 45, 45, 10, 3, 0, -1),
  purgeShare: fc.constantFrom(50, 90),
  force: fc.constantFrom(false, false, false, false, true),
  cached: fc.boolean(),
  only,
  fault,
});

const USUAL: RunChoice = {
  ...{ retention: 2, keepWithin: 0, purge: 10, purgeShare: 50, force: false },
  ...{ keepDaily: 3, keepWeekly: 2, keepMonthly: 2, keepYearly: 0 },
  ...{ cached: true, only: undefined, fault: undefined },
};

const backups = run.map((choice) => step(`back up ${told(choice)}`, (world) => backUpBoth(world, 'backup', choice)));
const pythons = fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 1, 3).map((calls) =>
  step(
    `the Python tool backs up${calls < 9 ? `, and is killed after ${calls} calls` : ''}`,
    (world) => backUpAsPython(world, PLAIN, calls),
    ({ takesPairs }) => takesPairs,
  ),
);

const nights = fc.integer({ min: 1, max: 3 }).map((count) =>
  step(`${count} nights`, async (world) => {
    for (let night = 0; night < count; night++) {
      world.expected.storeTime += DAY * 1000;
      await backUpBoth(world, 'backup', USUAL);
    }
  }),
);
const purges = run.map((choice) => step(`purge ${told(choice)}`, (world) => backUpBoth(world, 'purge', choice)));
const dryRuns = run.map((choice) => step(`dry run ${told(choice)}`, (world) => tryOut(world, choice)));
const strangers = fc
  .constantFrom(false, false, true)
  .map((adopt) =>
    step(`back up from another host${adopt ? ', adopting' : ''}`, (world) => backUpElsewhere(world, adopt)),
  );

const restore: fc.Arbitrary<RestoreChoice> = fc.record({
  // Which of the backups' times, and how many seconds from it.
  date: fc.option(fc.record({ index: fc.nat(), seconds: fc.constantFrom(-1, 0, 1) }), { freq: 3 }),
  skipGone: fc.boolean(),
  overwrite: fc.constantFrom(false, false, true),
  only,
  fault,
});

const restores = restore.map((choice) => step(`restore anew ${told(choice)}`, (world) => bringBackNew(world, choice)));
const restoresHere = restore.map((choice) =>
  step(`restore here ${told(choice)}`, (world) => bringBackHere(world, choice)),
);

const disaster = fc.constant(
  step('all is lost, recreated almost empty, and restored', async (world) => {
    for (const path of [...world.expected.locals.keys()]) world.plant(path, fresh(world.expected, 1));
    await bringBackHere(world, { date: null, skipGone: false, overwrite: false, only: undefined, fault: undefined });
  }),
);

const look = fc.boolean().map((read) => step(`verify${read ? ', reading' : ''}`, (world) => lookThrough(world, read)));

const pass = fc
  .oneof(
    fc.constantFrom(0.4, 1, 90, 700, 1500, 1500, DAY, DAY, DAY, 4 * DAY, 11 * DAY, 46 * DAY),
    // Back by an amount that does not add up to exactly an hour, where a second would decide.
    fc.constantFrom(-0.7, -30, -1500, -7500),
  )
  .map((seconds) =>
    step(`${seconds} s pass`, ({ expected }) => {
      expected.storeTime += seconds * 1000;
    }),
  );

const skew = fc.constantFrom(0, 0, 0, 240, -240, 400, -400, 7500, -7500, 40 * DAY, -40 * DAY).map((seconds) =>
  step(`the host's clock is off by ${seconds} s`, ({ expected }) => {
    expected.skew = seconds * 1000;
  }),
);

/** The possible commands, with about realistic frequencies. */
export const commands: fc.Arbitrary<fc.AsyncCommand<Expected, World>>[] = [
  ...Array.from({ length: 6 }, () => write),
  ...Array.from({ length: 6 }, () => backups),
  ...Array.from({ length: 2 }, () => nights),
  ...Array.from({ length: 6 }, () => pass),
  ...[
    pythons,
    pythons,
    pythons,
    removeOne,
    removeOne,
    reappear,
    damage,
    writeMany,
    removeMany,
    removeMany,
    purges,
    purges,
    dryRuns,
    strangers,
    skew,
  ],
  ...[restores, restores, restoresHere, disaster, look, holds.add, holds.release],
];

function told(choice: object): string {
  return JSON.stringify(choice);
}
