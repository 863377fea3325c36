import { join } from 'node:path';
import type { Contender, Places } from '../contender.ts';

const environment = ({ state }: Places) => ({ env: { RCLONE_CONFIG: join(state, 'rclone.conf') } });

/** A plain copy: no compression, no history. */
export const rclone: Contender = {
  id: 'rclone',
  title: 'rclone copy (uncompressed)',
  kind: 'other',
  backup: (places) => ({ words: ['rclone', 'copy', places.tree, places.store], ...environment(places) }),
  restore: (places, target, only = '') => ({
    words: ['rclone', 'copy', join(places.store, only), join(target, only)],
    ...environment(places),
  }),
};
