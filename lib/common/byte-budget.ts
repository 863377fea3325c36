import { Semaphore } from 'async-mutex';

/** The grain of the count: a semaphore's cost grows with its size. */
const UNIT = 65_536;

/** Bounds how many bytes are in memory at once, over all that is under way. */
export class ByteBudget {
  readonly #units: number;
  readonly #semaphore: Semaphore;

  /** @param bytes the bound; one task alone may exceed it. */
  constructor(bytes: number) {
    this.#units = Math.max(1, Math.ceil(bytes / UNIT));
    this.#semaphore = new Semaphore(this.#units);
  }

  /** Runs a task that takes so many bytes as soon as there is room; tasks begin in the order in which they came. */
  run<T>(bytes: number, task: () => Promise<T>): Promise<T> {
    const units = Math.min(this.#units, Math.max(1, Math.ceil(bytes / UNIT)));
    return this.#semaphore.runExclusive(task, units);
  }
}
