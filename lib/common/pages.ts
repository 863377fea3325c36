/** When a batch is full. */
export interface BatchLimits {
  readonly items: number;
  readonly weight: number;
}

/**
 * Gathers neighbours of a sequence, which comes in arrays, since what is done for each batch (a message to a thread, a
 * few promises) costs as much as a small item itself. A batch is passed on as soon as it is full; what is heavy makes
 * one alone.
 *
 * @param weigh in the unit of `limits.weight`; 0 is free.
 */
export async function* batched<T>(
  pages: AsyncIterable<readonly T[]>,
  weigh: (item: T) => number,
  limits: BatchLimits,
): AsyncGenerator<readonly T[], void, void> {
  let batch: T[] = [];
  let weight = 0;
  for await (const items of pages) {
    for (const item of items) {
      batch.push(item);
      weight += weigh(item);
      if (batch.length < limits.items && weight < limits.weight) continue;
      yield batch;
      batch = [];
      weight = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
