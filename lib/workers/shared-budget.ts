import { setTimeout as sleep } from 'node:timers/promises';
import { Mutex } from 'async-mutex';

/** The budget is counted in units of this size. */
const UNIT_BYTES = 65_536;

/** Cells of the shared memory: units in use, and the last ticket issued. Two cells for each holder follow. */
const USED = 0;
const LAST_TICKET = 1;
const HOLDERS = 2;
/** Cells of a holder: its units, and its ticket while it waits. */
const CELLS = 2;

/** The longest interval between attempts to take units. */
const POLL_MS = 4;

/** A holder's access to the budget, as plain data for another thread. */
export interface BudgetShare {
  readonly cells: Int32Array;
  readonly units: number;
  readonly holder: number;
}

/** Bounds how many bytes all threads hold in memory. The share of a thread that dies becomes free. */
export class SharedBudget {
  readonly #cells: Int32Array;
  readonly #units: number;
  readonly #free: number[];

  /**
   * @param bytes the bound; a task that needs more runs alone.
   * @param holders the maximum number of shares at a time.
   */
  constructor(bytes: number, holders: number) {
    this.#units = unitsOf(bytes);
    this.#cells = new Int32Array(new SharedArrayBuffer(4 * (HOLDERS + CELLS * holders)));
    this.#free = Array.from({ length: holders }, (_, holder) => holder);
  }

  /** Lends a share until the promise settles, and then frees all units that it still holds. */
  async lend<T>(use: (share: BudgetShare) => Promise<T>): Promise<T> {
    const holder = this.#free.pop();
    if (holder === undefined) throw new RangeError('Too many holders of the budget');
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

/** Runs tasks within a share, in call order. Create only one for each share. */
export class ShareSpender {
  readonly #share: BudgetShare;
  readonly #signal: AbortSignal | undefined;
  readonly #queue = new Mutex();

  constructor(share: BudgetShare, signal?: AbortSignal) {
    this.#share = share;
    this.#signal = signal;
  }

  /**
   * Runs a task that needs `bytes` of memory as soon as they are free. It must not wait for other tasks of the budget.
   *
   * @throws the signal's reason if it is aborted before the task starts.
   */
  async run<T>(bytes: number, task: () => Promise<T>): Promise<T> {
    const { cells, holder } = this.#share;
    const units = Math.min(this.#share.units, unitsOf(bytes));
    await this.#queue.runExclusive(() => this.#take(units));
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
