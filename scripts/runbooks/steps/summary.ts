/** The figures of a summary that the tool printed with `--json`, among whatever else a host said; undefined without one. */
export function countsOf(output: string): Readonly<Record<string, number>> | undefined {
  for (const line of output.split('\n').toReversed()) {
    if (!line.startsWith('{"command":')) continue;
    try {
      const { counts } = JSON.parse(line);
      return counts;
    } catch {
      // Cut off, or the output of something else.
    }
  }
  return undefined;
}
