/** The default values of options that the library and the configuration share. */
export const DEFAULTS = {
  metrics: '*',
  exclude: [] as string[],
  storagePath: '',
  processes: 4,
  bytesInFlight: 2 ** 28,
  fileLockTimeout: 10,
  algorithm: 'gz',
  layout: 'native',
  retention: 5,
  keepWithin: 0,
  purge: 45,
  purgeShare: 50,
  includeDamaged: false,
  fallback: false,
  overwrite: false,
  replaceDamaged: false,
  skipGone: false,
} as const;

/** Those that the configuration does not have, or has the other way round (`noop`, `noFlock`). */
const OTHERS = { dryRun: false, flock: true, force: false, adopt: false };

type Filled = keyof typeof DEFAULTS | keyof typeof OTHERS | 'now' | 'signal';

/** Options with their defaults filled in. */
export type WithDefaults<O> = O & Required<Pick<O, Filled & keyof O>>;

/** Fills in defaults. Without a signal there is one that never aborts, so that callers can pass it on as it is. */
export function withDefaults<O extends object & { readonly now?: () => Date }>(options: O): WithDefaults<O> {
  const signal = new AbortController().signal;
  return { ...DEFAULTS, ...OTHERS, now: () => new Date(), signal, ...options } as WithDefaults<O>;
}
