import { Workspace } from '../common/workspace.ts';
import type { Allocate } from '../tree/read-file.ts';

/** A {@link Workspace} for successive asynchronous tasks. A second task at the same time gets its own. */
export class Scratch {
  #free: Workspace | undefined;

  /**
   * Lends the workspace to a task; its content is only valid until the promise settles.
   *
   * @param use gets a function that returns a buffer of at least that many bytes, with any content.
   */
  async lend<T>(use: (allocate: Allocate) => Promise<T>): Promise<T> {
    let workspace: Workspace | undefined;
    try {
      return await use((bytes) => {
        // Taken only now, so that a waiting task does not reserve it.
        if (!workspace) {
          workspace = this.#free ?? new Workspace();
          this.#free = undefined;
        }
        return workspace.allocate(bytes);
      });
    } finally {
      this.#free ??= workspace;
    }
  }
}
