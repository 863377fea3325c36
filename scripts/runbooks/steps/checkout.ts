import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout on the bastion, which playbooks and reports are found in. */
export const checkout: string = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** A path of the checkout as it is typed there. */
export function typed(path: string): string {
  const below = relative(checkout, path);
  return below === '' || below.startsWith('..') ? path : below;
}
