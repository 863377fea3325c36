import type { Archive, Header } from './header.ts';

/**
 * Describes the oddities of a usable file: properties that Whisper's own `create` does not produce, although Whisper
 * can read and update the file.
 *
 * @param fileBytes size of the file in bytes.
 * @returns undefined if there are none.
 */
export function oddityOf(header: Header, fileBytes: number): string | undefined {
  const oddities = [...rangesOf(header, fileBytes), ...layoutOf(header.archives), ...unmatchedOf(header.archives)];
  return oddities.length === 0 ? undefined : oddities.join('; ');
}

/**
 * Describes why the archives of a file cannot be matched with those of another, so that no fill is possible.
 *
 * @returns undefined if they can be matched.
 */
export function unmatchable({ archives }: Pick<Header, 'archives'>): string | undefined {
  return unmatchedOf(archives)[0];
}

function rangesOf({ archives, maxRetention, size }: Header, fileBytes: number): string[] {
  const longest = archives.reduce((most, { retention }) => Math.max(most, retention), 0);
  const found: string[] = [];
  if (fileBytes > size) found.push(`it has ${fileBytes - size} bytes after its last archive`);
  if (longest !== maxRetention) {
    found.push(
      `its header has a longest retention of ${maxRetention} s, but the longest of its archives has ${longest} s`,
    );
  }
  return found;
}

function layoutOf(archives: readonly Archive[]): string[] {
  const found: string[] = [];
  for (const [finer, coarser] of pairsOf(archives)) {
    if (coarser.offset < finer.offset)
      found.push('the order of its archives in the file differs from that in the header');
    if (coarser.retention <= finer.retention) {
      found.push(
        `its archive of ${coarser.secondsPerPoint} s has a retention of ${coarser.retention} s, not longer than the ${finer.retention} s of the archive before it`,
      );
    }
  }
  return [...new Set(found)];
}

function unmatchedOf(archives: readonly Archive[]): string[] {
  const found: string[] = [];
  for (const [finer, coarser] of pairsOf(archives)) {
    const [fine, coarse] = [finer.secondsPerPoint, coarser.secondsPerPoint];
    if (fine === coarse) found.push(`two of its archives have the same step, ${fine} s`);
    else if (fine > coarse) found.push(`its archive of ${fine} s comes before the finer one of ${coarse} s`);
    else if (coarse % fine !== 0) found.push(`its step of ${coarse} s is not a multiple of the finer ${fine} s`);
  }
  const inFile = archives.toSorted((a, b) => a.offset - b.offset);
  if (pairsOf(inFile).some(([first, second]) => second.offset < first.offset + first.size)) {
    found.push('its archives overlap in the file');
  }
  return found;
}

function pairsOf(archives: readonly Archive[]): [Archive, Archive][] {
  return archives.flatMap((archive, i): [Archive, Archive][] => {
    const next = archives[i + 1];
    return next === undefined ? [] : [[archive, next]];
  });
}
