import assert from 'node:assert/strict';
import fc from 'fast-check';
import { contentOf, written } from './content.ts';
import type { Expected } from './expected.ts';
import type { Fault } from './faults.ts';
import { lookThrough } from './look.ts';
import { bringBackHere, bringBackNew, type RestoreChoice } from './restores.ts';
import { backUpAsPython, backUpBoth, backUpElsewhere, type RunChoice, tryOut } from './runs.ts';
import { saw } from './seen.ts';
import type { World } from './world.ts';

/** One step, of the model and of the product; fast-check leaves steps out until only those that matter are left. */
class Step implements fc.AsyncCommand<Expected, World> {
  readonly #text: string;
  readonly #act: (world: World) => void | Promise<void>;
  readonly #can: (expected: Readonly<Expected>) => boolean;

  constructor(
    text: string,
    act: (world: World) => void | Promise<void>,
    can: (expected: Readonly<Expected>) => boolean = () => true,
  ) {
    this.#text = text;
    this.#act = act;
    this.#can = can;
  }

  check(expected: Readonly<Expected>): boolean {
    return this.#can(expected);
  }

  async run(_expected: Expected, world: World): Promise<void> {
    saw('steps');
    await this.#act(world);
  }

  toString(): string {
    return this.#text;
  }
}

/** In seconds. */
const DAY = 86_400;

/** Some stand below one directory, one has a dot in its name. */
const PATHS = ['a', 'dots.in/name', 'servers/web01/cpu', 'servers/web01/mem', 'zed'];
const path = fc.constantFrom(...PATHS);
/** Those that the Python tool can restore. */
const PLAIN = PATHS.filter((path) => !path.includes('.'));
const only = fc.constantFrom(undefined, undefined, undefined, 'servers');

/** A subtree that is more than the guards let go of at once. */
const MANY = Array.from({ length: 24 }, (_, i) => `many/m${String(i).padStart(2, '0')}`);

const write = fc
  .record({ path, known: fc.constantFrom(1, 3, 25, 48) })
  .map(({ path, known }) =>
    step(`write ${path}, ${known} points`, (world) => world.plant(path, fresh(world.expected, known))),
  );

const writeMany = fc.constant(
  step('write many', (world) => {
    for (const path of MANY) world.plant(path, fresh(world.expected, 5));
  }),
);

const removeMany = fc.constantFrom(10, 18, MANY.length).map((count) =>
  step(`delete ${count} of many`, (world) => {
    for (const path of MANY.slice(0, count)) if (world.expected.locals.has(path)) remove(world, path);
  }),
);

const removeOne = path.map((path) =>
  step(
    `delete ${path}`,
    (world) => remove(world, path),
    ({ locals }) => locals.has(path),
  ),
);

const reappear = path.map((path) =>
  step(
    `${path} comes back`,
    (world) => {
      const content = world.expected.deleted.get(path);
      assert.ok(content);
      world.plant(path, content);
    },
    ({ locals, deleted }) => !locals.has(path) && deleted.has(path),
  ),
);

const damage = path.map((path) =>
  step(
    `damage ${path}`,
    (world) => {
      const { bytes } = world.expected.locals.get(path) ?? fresh(world.expected, 1);
      world.plant(path, contentOf(bytes.slice(0, 100), true));
    },
    ({ locals }) => locals.has(path),
  ),
);

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
  purge: fc.constantFrom(45, 45, 45, 10, 3, 0, -1),
  purgeShare: fc.constantFrom(50, 90),
  force: fc.constantFrom(false, false, false, false, true),
  cached: fc.boolean(),
  only,
  fault,
});

const USUAL: RunChoice = {
  ...{ retention: 2, keepWithin: 0, purge: 10, purgeShare: 50, force: false },
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
    // Back; none of the usual sums is an hour, where it may go either way by a second.
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

/** What may happen, as often as it does more or less. */
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
  ...[restores, restores, restoresHere, disaster, look],
];

function step(...args: ConstructorParameters<typeof Step>): Step {
  return new Step(...args);
}

function fresh(expected: Expected, known: number) {
  return written(++expected.writes, expected.now, known);
}

function remove(world: World, path: string): void {
  const content = world.expected.locals.get(path);
  if (content) world.expected.deleted.set(path, content);
  world.remove(path);
}

function told(choice: object): string {
  return JSON.stringify(choice);
}
