import type { SpaceUse } from '../../workers/tasks/dry-run-checks.ts';

/** In a dry run: counts the space that new files would take on each file system. */
export class DryRunSpace {
  readonly #taken = new Map<number, { bytes: number; files: number }>();

  /** @returns whether there would still be room for this file. */
  take({ device, needed, free, freeFiles = Number.POSITIVE_INFINITY }: SpaceUse): boolean {
    const taken = this.#taken.get(device) ?? { bytes: 0, files: 0 };
    if (taken.bytes + needed > free || taken.files + 1 > freeFiles) return false;
    this.#taken.set(device, { bytes: taken.bytes + needed, files: taken.files + 1 });
    return true;
  }
}
