import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Content, contentOf, written } from './content.ts';
import type { Expected } from './expected.ts';
import { step } from './step.ts';
import type { World } from './world.ts';

/*
 * What happens to the local tree.
 */

/** Some are below one directory, one has a dot in its name. */
const PATHS = ['a', 'dots.in/name', 'servers/web01/cpu', 'servers/web01/mem', 'zed'];
const path = fc.constantFrom(...PATHS);
/** Those that the Python tool can restore. */
export const PLAIN = PATHS.filter((path) => !path.includes('.'));

/** A subtree larger than the share that the guards allow. */
const MANY = Array.from({ length: 24 }, (_, i) => `many/m${String(i).padStart(2, '0')}`);

export const write = fc
  .record({ path, known: fc.constantFrom(1, 3, 25, 48) })
  .map(({ path, known }) =>
    step(`write ${path}, ${known} points`, (world) => world.plant(path, fresh(world.expected, known))),
  );

export const writeMany = fc.constant(
  step('write many', (world) => {
    for (const path of MANY) world.plant(path, fresh(world.expected, 5));
  }),
);

export const removeMany = fc.constantFrom(10, 18, MANY.length).map((count) =>
  step(`delete ${count} of many`, (world) => {
    for (const path of MANY.slice(0, count)) if (world.expected.locals.has(path)) remove(world, path);
  }),
);

export const removeOne = path.map((path) =>
  step(
    `delete ${path}`,
    (world) => remove(world, path),
    ({ locals }) => locals.has(path),
  ),
);

export const reappear = path.map((path) =>
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

export const damage = path.map((path) =>
  step(
    `damage ${path}`,
    (world) => {
      const { bytes } = world.expected.locals.get(path) ?? fresh(world.expected, 1);
      world.plant(path, contentOf(bytes.slice(0, 100), true));
    },
    ({ locals }) => locals.has(path),
  ),
);

/** Content that no file had before. */
export function fresh(expected: Expected, known: number): Content {
  return written(++expected.writes, expected.now, known);
}

function remove(world: World, path: string): void {
  const content = world.expected.locals.get(path);
  if (content) world.expected.deleted.set(path, content);
  world.remove(path);
}
