import { InvalidOptionError } from '../common/errors.ts';
import type { PurgeRules } from '../common/options.ts';
import type { Rules } from './due.ts';

/**
 * Fills in what retention and purge rules leave open, and checks them.
 *
 * @throws InvalidOptionError
 */
export function rulesOf(options: Omit<PurgeRules, 'machine'>, retire: boolean): Rules {
  const rules = {
    retention: options.retention ?? 5,
    keepWithin: options.keepWithin ?? 0,
    purge: options.purge ?? 45,
    purgeShare: options.purgeShare ?? 50,
    force: options.force ?? false,
    adopt: options.adopt ?? false,
    retire,
  };
  atLeast('retention', rules.retention, 1);
  atLeast('keepWithin', rules.keepWithin, 0);
  atLeast('purgeShare', rules.purgeShare, 0);
  if (rules.purge !== -1) atLeast('purge', rules.purge, 0, ', or -1 for never');
  return rules;
}

function atLeast(name: string, value: number, least: number, or = ''): void {
  if (value >= least && Number.isFinite(value)) return;
  throw new InvalidOptionError(`Cannot keep backups: '${name}' must be ${least} or more${or}: got ${value}`);
}
