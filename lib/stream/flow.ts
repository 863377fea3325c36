/** How many batches a thread may be ahead of its reader. */
const AHEAD = 2;

const TAKEN = 0;
const STOPPED = 1;

/**
 * What the two ends of a stream share: the thread sleeps while it is far enough ahead, without an event loop, so that it
 * can do its work in plain synchronous code.
 */
export class Flow {
  readonly cells: Int32Array;
  #sent = 0;

  constructor(cells: Int32Array = new Int32Array(new SharedArrayBuffer(8))) {
    this.cells = cells;
  }

  /** The reader has come to the next batch. */
  take(): void {
    Atomics.add(this.cells, TAKEN, 1);
    Atomics.notify(this.cells, TAKEN);
  }

  /** The reader wants no more. */
  stop(): void {
    Atomics.store(this.cells, STOPPED, 1);
    this.take();
  }

  /** Called by the thread before it sends a batch: waits for its turn. @returns false when it is to end. */
  mayGoOn(): boolean {
    for (;;) {
      if (Atomics.load(this.cells, STOPPED) === 1) return false;
      const taken = Atomics.load(this.cells, TAKEN);
      if (this.#sent - taken < AHEAD) break;
      Atomics.wait(this.cells, TAKEN, taken);
    }
    this.#sent++;
    return true;
  }
}
