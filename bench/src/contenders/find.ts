import type { Contender } from '../contender.ts';

/** Looks at every file, and opens none: the floor for a run that finds nothing changed. */
export const find: Contender = {
  id: 'find',
  title: 'find -printf',
  kind: 'floor',
  backup: ({ tree }) => ({ words: ['find', tree, '-printf', '%p %s %T@ %C@ %i\\n'] }),
};
