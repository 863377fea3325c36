import { join } from 'node:path';
import type { Contender, Places } from '../contender.ts';
import type { Command } from '../meter.ts';

const restic = ({ store, state }: Places, ...args: string[]): Command => ({
  words: ['restic', '--quiet', '--repo', store, '--cache-dir', join(state, 'cache'), ...args],
  env: { RESTIC_PASSWORD: 'bench' },
});

/** With its defaults: zstd compression, and encryption, which is always on. */
export const resticDefault: Contender = {
  id: 'restic',
  title: 'restic',
  kind: 'other',
  // Compression needs repository format 2, the default since restic 0.14.
  prepare: (places) => restic(places, 'init'),
  backup: (places) => restic(places, 'backup', places.tree),
  restore: (places, target, only) =>
    restic(
      places,
      ...['restore', 'latest', '--target', target],
      ...(only === undefined ? [] : ['--include', join(places.tree, only)]),
    ),
};

/** The same, but reads every file instead of relying on its times. */
export const resticForce: Contender = {
  ...resticDefault,
  id: 'restic-force',
  title: 'restic, reads all again (--force)',
  shares: 'restic',
  backup: (places) => restic(places, 'backup', '--force', places.tree),
};
