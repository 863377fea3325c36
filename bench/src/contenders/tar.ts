import type { Contender } from '../contender.ts';

/** One stream of all files through one compressor, into one file. */
export function tarThrough(compressor: 'gzip' | 'igzip'): Contender {
  // igzip needs to be told that it is a filter; gzip finds that out.
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
