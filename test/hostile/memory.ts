import assert from 'node:assert/strict';
import process from 'node:process';

const MIB = 1024 * 1024;

/**
 * Runs a task, and asserts that it took no more memory, in bytes, than it may: by the most that the process had at
 * once.
 */
export async function inMemory<T>(most: number, task: () => T | Promise<T>): Promise<T> {
  const before = peak();
  const result = await task();
  const took = peak() - before;
  assert.ok(took <= most, `took ${Math.round(took / MIB)} MiB, and ${Math.round(most / MIB)} are the most`);
  return result;
}

/** The most memory that the process ever had, in bytes. */
function peak(): number {
  return process.resourceUsage().maxRSS * 1024;
}
