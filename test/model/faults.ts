import { TransientError } from '../../lib/store/errors.ts';
import type { ListRange, ObjectStore, StoredObject } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';

/** A fault during a run. */
export interface Fault {
  /** Which call it befalls; listings are counted by objects. */
  readonly call: 'get' | 'put' | 'delete' | 'list' | 'flush' | 'clock';
  /** The first that it befalls, counted from 0. */
  readonly at: number;
  /** All later ones as well. */
  readonly lasts: boolean;
  /**
   * Whether the call is carried out: not at all, or wholly, or half (of the keys to delete), before it fails; `named`
   * returns failures instead of throwing one. `stop` ends the run in good order, as Ctrl-C does.
   */
  readonly kind: 'refused' | 'lost' | 'half' | 'named' | 'stop';
}

/** A store with a fault, and whether the fault has occurred. */
export interface Faulty {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly hit: () => boolean;
  /** Whether a run must say so. */
  readonly isFailure: boolean;
  /** Whether the second pass of a backup may succeed, so that there is nothing to say. */
  readonly isMendable: boolean;
}

export function withFault(store: ObjectStore, fault: Fault | undefined): Faulty {
  const stop = new AbortController();
  let calls = 0;
  let hits = 0;
  /** Returns whether this call must fail; counts one call per object. */
  const isHit = (call: Fault['call']): boolean => {
    if (fault?.call !== call) return false;
    const number = calls++;
    const hit = number === fault.at || (fault.lasts && number > fault.at);
    if (!hit) return false;
    hits++;
    if (fault.kind === 'stop') stop.abort(new Error('told to stop'));
    return fault.kind !== 'stop';
  };
  const failure = () => new TransientError('out of order');
  const kind = fault?.kind;
  return {
    signal: stop.signal,
    hit: () => hits > 0,
    // A checksum that cannot be read is no failure: the file is stored again.
    isFailure: kind !== 'stop' && fault?.call !== 'get',
    isMendable: fault?.call === 'put' && !fault.lasts,
    store: delegate(store, {
      async *list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
        for await (const object of store.list(range)) {
          if (isHit('list')) throw failure();
          yield object;
        }
      },
      async get(key, options) {
        if (isHit('get')) throw failure();
        return store.get(key, options);
      },
      async put(key, body, options) {
        const hit = isHit('put');
        if (!hit || kind !== 'refused') await store.put(key, body, options);
        if (hit) throw failure();
      },
      async delete(keys, options) {
        if (!isHit('delete')) return store.delete(keys, options);
        const half = keys.slice(0, Math.floor(keys.length / 2));
        if (kind === 'lost') await store.delete(keys, options);
        if (kind === 'half' || kind === 'named') await store.delete(half, options);
        if (kind !== 'named') throw failure();
        return keys.slice(half.length).map((key) => ({ key, error: failure() }));
      },
      async flush(options) {
        if (isHit('flush')) throw failure();
        await store.flush(options);
      },
      async clock(options) {
        if (isHit('clock')) throw failure();
        return store.clock(options);
      },
    }),
  };
}
