export const DAY = 86_400_000;

/** In milliseconds; the lesser of what its name and the store say, so that a wrong clock can only make it younger. */
export function ageOf(item: { readonly time: Date; readonly object: { readonly modified: Date } }, now: Date): number {
  return now.getTime() - Math.max(item.time.getTime(), item.object.modified.getTime());
}
