import type { Contender } from '../contender.ts';

/** Compresses all files as one stream into one file. */
export function tarThrough(compressor: 'gzip' | 'igzip'): Contender {
  // Unlike gzip, igzip must be told to work as a filter.
  const filter = compressor === 'igzip' ? 'igzip -c -' : 'gzip';
  return {
    id: `tar-${compressor}`,
    title: `tar | ${compressor}`,
    kind: 'other',
    backup: ({ tree, store }) => ({
      words: [
        ...['bash', '-c', `set -o pipefail; mkdir -p "$2" && tar -C "$1" -cf - . | ${filter} > "$2/tree.tar.gz"`],
        ...['bash', tree, store],
      ],
    }),
  };
}
