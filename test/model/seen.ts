/** What came up in the course of all random runs, so that a test can show that it tested something. */
const counts = new Map<string, number>();

export function saw(what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

/** What was seen since the last time, as `12 steps, 3 backups`. */
export function seen(): string {
  const text = [...counts].map(([what, times]) => `${times} ${what}`).join(', ');
  counts.clear();
  return text;
}
