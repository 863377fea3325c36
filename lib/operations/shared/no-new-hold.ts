import type { PlaceOptions, RunOptions } from '../../common/options.ts';
import type { Holds } from '../../expiry/holds.ts';
import type { ObjectStore } from '../../store/store.ts';

/** Returns a check before each batch of deletions: false, with a warning, if a hold has been added since they were read. */
export function noNewHold(
  holds: Holds,
  store: ObjectStore,
  options: PlaceOptions & Pick<Required<RunOptions>, 'report' | 'signal'>,
): () => Promise<boolean> {
  return async () => {
    if (!(await holds.isAnyNew(store, options, options.signal))) return true;
    const text = `The holds of ${store.name} have changed meanwhile, so nothing more is deleted: the next run deletes the rest`;
    options.report.log('warn', text);
    return false;
  };
}
