import { join } from 'node:path';
import type { Contender, Places } from '../contender.ts';
import type { Command } from '../meter.ts';

const borg = ({ state }: Places, ...args: string[]): Command => ({
  words: ['borg', ...args],
  env: {
    BORG_BASE_DIR: join(state, 'borg'),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
    BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
  },
});

/** Without encryption. Its default compression is lz4. */
export function borgWith(compression: 'lz4' | 'zstd'): Contender {
  return {
    id: `borg-${compression}`,
    title: `borg, ${compression}`,
    kind: 'other',
    prepare: (places) => borg(places, 'init', '--encryption=none', places.store),
    backup: (places, serial) =>
      borg(places, 'create', '--compression', compression, `${places.store}::${serial}`, places.tree),
    restore: (places, target, only) => ({
      ...borg(
        places,
        ...['extract', `${places.store}::0`],
        ...(only === undefined ? [] : [join(places.tree, only).slice(1)]),
      ),
      cwd: target,
    }),
  };
}
