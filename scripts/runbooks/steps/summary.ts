/**
 * The figures of a summary that the tool printed with `--json`, among whatever else a host said; undefined without one.
 * Ansible prints standard error directly behind standard output, on the same line.
 */
export function countsOf(output: string): Readonly<Record<string, number>> | undefined {
  for (const line of output.split('\n').toReversed()) {
    if (!line.startsWith('{"command":')) continue;
    try {
      const { counts } = JSON.parse(objectAtStart(line));
      return counts;
    } catch {
      // Cut off, or the output of something else.
    }
  }
  return undefined;
}

/** The JSON object that a line starts with; all of it when none ends there. */
function objectAtStart(line: string): string {
  let depth = 0;
  for (const { 0: token, index } of line.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') depth++;
    if (token === '}' && --depth === 0) return line.slice(0, index + 1);
  }
  return line;
}
