/** Counts events of all random runs, so that a test can show that it tested something. */
const counts = new Map<string, number>();

export function saw(what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

/** Returns the counts since the last call. */
export function seen(): Readonly<Record<string, number>> {
  const all = Object.fromEntries(counts);
  counts.clear();
  return all;
}
