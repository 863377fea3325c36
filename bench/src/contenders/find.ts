import type { Contender } from '../contender.ts';

/** Looks at every file and opens none: the lower bound for a run without changes. */
export const find: Contender = {
  id: 'find',
  title: 'find -printf',
  kind: 'floor',
  backup: ({ tree }) => ({ words: ['find', tree, '-printf', '%p %s %T@ %C@ %i\\n'] }),
};
