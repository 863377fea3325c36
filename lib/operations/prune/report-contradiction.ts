import type { StoredObject } from '../../store/store.ts';
import type { Run } from '../shared/run.ts';

/**
 * Reports an object whose date contradicts the clocks, as a failure: its host may be compromised.
 *
 * @param name the metric or journal run of which nothing is deleted.
 */
export function reportContradiction(run: Run, name: string, { key, modified }: StoredObject): void {
  run.add('contradictions');
  const why = `${key} was written at ${modified.toISOString()}, which contradicts its name`;
  run.fail({ metric: name, code: 'DATE_CONTRADICTS', reason: `${why}: nothing of it was deleted; see --force` });
}
