import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WhisperBackupError } from '../../lib/common/errors.ts';
import { seeded } from '../fixtures/seed.ts';

/** How long each target is tried at most, in seconds, and one input. */
const TARGET_SECONDS = 5;
const INPUT_SECONDS = 2;

let tried = 0;

/** Returns how many inputs were tried since the last call. */
export function inputsTried(): { readonly inputs: number } {
  const inputs = tried;
  tried = 0;
  return { inputs };
}

/** Checks a property with that many inputs, within the time limit. On failure fast-check prints the seed. */
export async function fuzz<T>(
  inputs: fc.Arbitrary<T>,
  runs: number,
  property: (input: T) => void | Promise<void>,
): Promise<void> {
  const timed = fc.asyncProperty(inputs, async (input) => {
    tried++;
    const began = performance.now();
    await property(input);
    const took = (performance.now() - began) / 1000;
    assert.ok(took < INPUT_SECONDS, `took ${took.toFixed(1)} s`);
  });
  await fc.assert(timed, seeded(runs, TARGET_SECONDS));
}

/** What a task gives, or undefined when it throws one of the product's own errors. Any other is a failure. */
export function typed<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch (error) {
    assertTyped(error);
    return undefined;
  }
}

/** The same for asynchronous properties. */
export async function typedLater<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task();
  } catch (error) {
    assertTyped(error);
    return undefined;
  }
}

function assertTyped(error: unknown): void {
  if (error instanceof WhisperBackupError && error.code !== 'UNEXPECTED' && error.message !== '') return;
  throw new assert.AssertionError({ message: `not a typed error: ${error instanceof Error ? error.stack : error}` });
}
