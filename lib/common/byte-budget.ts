import { Semaphore } from 'async-mutex';

/** Bytes per semaphore unit. Coarse, because the cost of a semaphore grows with its size. */
const UNIT = 65_536;

/** Bounds how many bytes all running tasks hold in memory at once. */
export class ByteBudget {
  readonly #units: number;
  readonly #semaphore: Semaphore;

  /** @param bytes the bound; a task that needs more runs alone. */
  constructor(bytes: number) {
    this.#units = Math.max(1, Math.ceil(bytes / UNIT));
    this.#semaphore = new Semaphore(this.#units);
  }

  /** Runs a task that needs `bytes` of memory as soon as they are free. Tasks start in call order. */
  run<T>(bytes: number, task: () => Promise<T>): Promise<T> {
    const units = Math.min(this.#units, Math.max(1, Math.ceil(bytes / UNIT)));
    return this.#semaphore.runExclusive(task, units);
  }
}
