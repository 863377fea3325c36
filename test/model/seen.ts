/** What came up in the course of all random runs, so that a test can show that it tested something. */
const counts = new Map<string, number>();

export function saw(what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

/** How often each was seen since the last time this was asked. */
export function seen(): Readonly<Record<string, number>> {
  const all = Object.fromEntries(counts);
  counts.clear();
  return all;
}
