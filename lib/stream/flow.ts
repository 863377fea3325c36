/** How many batches a thread may produce before the reader takes them. */
const MAX_AHEAD = 2;

const TAKEN = 0;
const STOPPED = 1;

/**
 * Flow control in memory shared by a stream's thread and its reader. The thread blocks while it is far enough ahead, so
 * that its code can be plain and synchronous.
 */
export class Flow {
  readonly cells: Int32Array;
  #sent = 0;

  constructor(cells: Int32Array = new Int32Array(new SharedArrayBuffer(8))) {
    this.cells = cells;
  }

  take(): void {
    Atomics.add(this.cells, TAKEN, 1);
    Atomics.notify(this.cells, TAKEN);
  }

  stop(): void {
    Atomics.store(this.cells, STOPPED, 1);
    this.take();
  }

  /** Called by the thread before it sends a batch. Blocks while it is too far ahead. @returns false if it must stop. */
  mayGoOn(): boolean {
    for (;;) {
      if (Atomics.load(this.cells, STOPPED) === 1) return false;
      const taken = Atomics.load(this.cells, TAKEN);
      if (this.#sent - taken < MAX_AHEAD) break;
      Atomics.wait(this.cells, TAKEN, taken);
    }
    this.#sent++;
    return true;
  }
}
