import { setTimeout as sleep } from 'node:timers/promises';
import { Mutex } from 'async-mutex';

/** The grain of the count. */
const UNIT_BYTES = 65_536;

/** Cells of the shared memory: units in use, and the last number in the line. Two for each holder follow. */
const USED = 0;
const LAST_TICKET = 1;
const HOLDERS = 2;
/** What a holder has: units, and its number in the line while it waits. */
const CELLS = 2;

/** Longest time between two tries to take units, in milliseconds. */
const POLL_MS = 4;

/** A holder's access to the budget; plain data, so that it can cross to another thread. */
export interface BudgetShare {
  readonly cells: Int32Array;
  readonly units: number;
  readonly holder: number;
}

/** Bounds how many bytes all threads together have in memory. A thread that dies keeps none of them. */
export class SharedBudget {
  readonly #cells: Int32Array;
  readonly #units: number;
  readonly #free: number[];

  /**
   * @param bytes the bound; one task alone may exceed it.
   * @param holders how many may hold a share at once.
   */
  constructor(bytes: number, holders: number) {
    this.#units = unitsOf(bytes);
    this.#cells = new Int32Array(new SharedArrayBuffer(4 * (HOLDERS + CELLS * holders)));
    this.#free = Array.from({ length: holders }, (_, holder) => holder);
  }

  /** Lends a share until the promise settles. What its holder has not given back by then is free again. */
  async lend<T>(use: (share: BudgetShare) => Promise<T>): Promise<T> {
    const holder = this.#free.pop();
    if (holder === undefined) throw new RangeError('More holders of the budget than it was made for');
    try {
      return await use({ cells: this.#cells, units: this.#units, holder });
    } finally {
      const left = Atomics.exchange(this.#cells, heldBy(holder), 0);
      Atomics.sub(this.#cells, USED, left);
      Atomics.store(this.#cells, ticketOf(holder), 0);
      this.#free.push(holder);
    }
  }
}

/** Spends a share. One for each share: its tasks begin in the order in which they came. */
export class ShareSpender {
  readonly #share: BudgetShare;
  readonly #signal: AbortSignal | undefined;
  readonly #line = new Mutex();

  constructor(share: BudgetShare, signal?: AbortSignal) {
    this.#share = share;
    this.#signal = signal;
  }

  /**
   * Runs a task that takes so many bytes as soon as they are free. It must not wait for others that need the budget.
   *
   * @throws the signal's reason, if that aborts before the task begins.
   */
  async run<T>(bytes: number, task: () => Promise<T>): Promise<T> {
    const { cells, holder } = this.#share;
    const units = Math.min(this.#share.units, unitsOf(bytes));
    await this.#line.runExclusive(() => this.#take(units));
    try {
      return await task();
    } finally {
      Atomics.sub(cells, heldBy(holder), units);
      Atomics.sub(cells, USED, units);
    }
  }

  async #take(units: number): Promise<void> {
    const { cells, holder } = this.#share;
    const ticket = Atomics.add(cells, LAST_TICKET, 1) + 1;
    Atomics.store(cells, ticketOf(holder), ticket);
    try {
      for (let waitMs = 1; !tryTaking(this.#share, ticket, units); waitMs = Math.min(2 * waitMs, POLL_MS)) {
        this.#signal?.throwIfAborted();
        await sleep(waitMs);
      }
    } finally {
      Atomics.store(cells, ticketOf(holder), 0);
    }
  }
}

function tryTaking({ cells, units: most, holder }: BudgetShare, ticket: number, units: number): boolean {
  for (let cell = ticketOf(0); cell < cells.length; cell += CELLS) {
    const other = Atomics.load(cells, cell);
    if (other !== 0 && other < ticket) return false;
  }
  for (;;) {
    const used = Atomics.load(cells, USED);
    if (used + units > most) return false;
    if (Atomics.compareExchange(cells, USED, used, used + units) !== used) continue;
    Atomics.add(cells, heldBy(holder), units);
    return true;
  }
}

function heldBy(holder: number): number {
  return HOLDERS + CELLS * holder;
}

function ticketOf(holder: number): number {
  return heldBy(holder) + 1;
}

function unitsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / UNIT_BYTES));
}
