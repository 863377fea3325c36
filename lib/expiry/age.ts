export const DAY = 86_400_000;

/**
 * Returns the age in milliseconds, by the later of the times in the key and in the store, so that a wrong clock can
 * only make an object younger.
 */
export function ageOf(item: { readonly time: Date; readonly object: { readonly modified: Date } }, now: Date): number {
  return now.getTime() - Math.max(item.time.getTime(), item.object.modified.getTime());
}
