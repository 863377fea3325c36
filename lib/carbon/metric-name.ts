import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../common/errors.ts';

/**
 * Returns the name under which carbon knows the metric of a file.
 *
 * @param path below the prefix, without `.wsp`.
 * @throws InvalidOptionError if the path of a tagged metric does not contain its name.
 * @see https://github.com/graphite-project/carbon/blob/master/lib/carbon/util.py `TaggedSeries.encode`
 */
export function carbonNameOf(path: string): string {
  const [, hash = '', rest = '', encoded = ''] = /^_tagged\/([\da-f]{3})\/([\da-f]{3})\/([^/]*)$/.exec(path) ?? [];
  if (hash === '') return path.replaceAll('/', '.');
  const name = encoded.replaceAll('_DOT_', '.');
  if (
    createHash('sha256')
      .update(name)
      .digest('hex')
      .startsWith(hash + rest)
  )
    return name;
  throw new InvalidOptionError(
    'its name is not certain: the path of a tagged metric has only its hash, or a _DOT_ of its own',
  );
}
