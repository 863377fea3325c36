import type { Contradiction } from '../../expiry/both-clocks.ts';
import type { Run } from '../shared/run.ts';

/**
 * Reports an object with a false date, as a failure: its host may be compromised.
 *
 * @param name the metric or journal run of which nothing is deleted.
 */
export function reportContradiction(run: Run, name: string, { reason }: Contradiction): void {
  run.add('contradictions');
  const remedy =
    "If its host was taken over, delete this object with the store's own tools. --force deletes what is due nevertheless";
  run.fail({ metric: name, code: 'DATE_CONTRADICTS', reason: `${reason}: nothing of it was deleted. ${remedy}` });
}
