import { fileURLToPath } from 'node:url';
import type { Contender } from '../contender.ts';

const script = fileURLToPath(new URL('python-way.py', import.meta.url));

/** Does the same work as the Python tool, without the tool. */
export function pythonWay(processes: number): Contender {
  return {
    id: 'python',
    title: `the Python way (gzip -9, ${processes} processes)`,
    kind: 'other',
    backup: ({ tree, store }) => ({ words: ['/usr/bin/python3', script, tree, store, String(processes)] }),
  };
}
