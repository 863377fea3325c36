import { createRequire } from 'node:module';

type Koffi = typeof import('koffi');

/**
 * The foreign function interface, by which all native code is called. Loaded when it is first asked for, and without a
 * promise, since it costs start-up time.
 *
 * @throws Error when it has no native part for this platform.
 */
export function foreign(): Koffi {
  loaded ??= createRequire(import.meta.url)('koffi') as Koffi;
  return loaded;
}

let loaded: Koffi | undefined;
