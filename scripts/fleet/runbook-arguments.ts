import { fileURLToPath } from 'node:url';
import { UsageError } from '../../config/errors.ts';
import { type Given, isSet } from './request.ts';
import { splitWords } from './words.ts';

/**
 * Converts `make runbook-NAME` to the arguments of Node. The runbook itself rejects options that it does not have.
 *
 * @throws UsageError if the name is invalid.
 */
export function runbookArguments(name: string, given: Given): readonly string[] {
  if (!/^[a-z][a-z-]*$/.test(name)) throw new UsageError(`Unknown runbook ${JSON.stringify(name)}; see docs/runbooks`);
  const script = fileURLToPath(new URL(`../runbooks/${name}.ts`, import.meta.url));
  // Only the drill accepts several hosts.
  const place = name === 'drill' ? 'limit' : 'host';
  if (place === 'host' && given.GROUP !== undefined)
    throw new UsageError(`Cannot run ${name} for a group: give one host with HOST=`);
  const options: readonly (readonly [string, string | undefined])[] = [
    [place, given.HOST ?? given.GROUP],
    ['metrics', given.METRICS],
    ['date', given.DATE],
    ['release', given.RELEASE],
    ['sample', given.SAMPLE],
    ['inventory', given.INVENTORY],
    ['ansible-args', given.ANSIBLE_ARGS],
  ];
  return [
    ...['--import', 'tsx', script],
    ...options.flatMap(([option, value]) => (value === undefined ? [] : [`--${option}=${value}`])),
    ...(isSet(given.DRY_RUN) ? ['--dry-run'] : []),
    ...(isSet(given.YES) ? ['--yes'] : []),
    ...splitWords(given.ARGS ?? '', 'ARGS='),
  ];
}
