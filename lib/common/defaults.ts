import { setMaxListeners } from 'node:events';

export const DEFAULTS = {
  metrics: '*',
  exclude: [] as string[],
  storagePath: '',
  processes: 4,
  bytesInFlight: 2 ** 28,
  fileLockTimeout: 10,
  retryFor: 300,
  algorithm: 'gz',
  layout: 'native',
  retention: 5,
  keepWithin: 0,
  keepDaily: 0,
  keepWeekly: 0,
  keepMonthly: 0,
  keepYearly: 0,
  purge: 45,
  purgeShare: 50,
  includeDamaged: false,
  fallback: false,
  overwrite: false,
  replaceDamaged: false,
  skipGone: false,
} as const;

/** Defaults of options that the configuration does not have or negates (`noop`, `noFlock`). */
const OTHERS = { dryRun: false, flock: true, force: false, adopt: false };

type Filled = keyof typeof DEFAULTS | keyof typeof OTHERS | 'now' | 'signal';

export type WithDefaults<O> = O & Required<Pick<O, Filled & keyof O>>;

/**
 * Applies the defaults, also to options that are undefined: callers in JavaScript pass those, and `flock: undefined`
 * must not turn locks off. The default signal never aborts, so that callers need no special case.
 */
export function withDefaults<O extends object & { readonly now?: () => Date }>(options: O): WithDefaults<O> {
  const { signal } = new AbortController();
  // Each request in progress adds a listener.
  setMaxListeners(0, signal);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
  return { ...DEFAULTS, ...OTHERS, now: () => new Date(), signal, ...given } as WithDefaults<O>;
}
