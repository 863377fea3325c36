import type { Archive, Header } from './header.ts';

/**
 * Describes what is odd about a usable file: what Whisper's own `create` does not make, though Whisper reads and updates
 * it all the same.
 *
 * @param fileBytes the size of the file.
 * @returns undefined when nothing is odd.
 */
export function oddityOf(header: Header, fileBytes: number): string | undefined {
  const oddities = [...rangesOf(header, fileBytes), ...layoutOf(header.archives), ...unmatchedOf(header.archives)];
  return oddities.length === 0 ? undefined : oddities.join('; ');
}

/**
 * Describes why the archives of a file cannot be matched with those of another, so that neither may be filled from the
 * other.
 *
 * @returns undefined when they can be.
 */
export function unmatchable({ archives }: Pick<Header, 'archives'>): string | undefined {
  return unmatchedOf(archives)[0];
}

function rangesOf({ archives, maxRetention, size }: Header, fileBytes: number): string[] {
  const longest = archives.reduce((most, { retention }) => Math.max(most, retention), 0);
  const found: string[] = [];
  if (fileBytes > size) found.push(`it has ${fileBytes - size} bytes behind its last archive`);
  if (longest !== maxRetention) {
    found.push(
      `its header has a longest retention of ${maxRetention} s, and the longest of its archives is ${longest} s`,
    );
  }
  return found;
}

function layoutOf(archives: readonly Archive[]): string[] {
  const found: string[] = [];
  for (const [finer, coarser] of pairsOf(archives)) {
    if (coarser.offset < finer.offset) found.push('its archives are in another order than its header lists them');
    if (coarser.retention <= finer.retention) {
      found.push(
        `its archive of ${coarser.secondsPerPoint} s has a retention of ${coarser.retention} s, no longer than the ${finer.retention} s of the archive before it`,
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
