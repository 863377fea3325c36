import assert from 'node:assert/strict';

/** Runs a task, and asserts that it ended in time, by its own or by an error. */
export async function within<T>(seconds: number, task: () => T | Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await task();
  } finally {
    const took = (performance.now() - began) / 1000;
    assert.ok(took <= seconds, `took ${took.toFixed(1)} s, and ${seconds} are the most`);
  }
}
