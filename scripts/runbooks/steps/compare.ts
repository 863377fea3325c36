import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

export interface CompareWish {
  readonly globs: readonly string[];
  /** Options that select another bucket than the host's own. @default [] */
  readonly place?: readonly string[];
  /** ISO 8601. */
  readonly date?: string | undefined;
}

/** Like {@link compareStep}, for metrics with new names: a dry run of their restore, which names both. */
export function compareRenamedStep(fleet: Fleet, host: string, { globs, place = [] }: CompareWish): Step {
  return {
    id: 'compare',
    title: `Check that every metric of the bucket is on ${host} under its new name`,
    commands: globs.map((glob) =>
      fleet.tool(host, ['--noop', '--json', '--nolog', ...place, `--metrics=${glob}`, 'restore'], {
        judge: (output) => missingIn(output, 'restored'),
      }),
    ),
  };
}

/** Checks that each metric of the bucket has a file on the host. Files that have changed since are no problem. */
export function compareStep(fleet: Fleet, host: string, { globs, place = [], date }: CompareWish): Step {
  const dated = date === undefined ? [] : [`--date=${date}`];
  return {
    id: 'compare',
    title: `Check that every metric of the bucket is on ${host}`,
    commands: globs.map((glob) =>
      fleet.tool(host, ['--compare', '--json', '--nolog', ...place, ...dated, `--metrics=${glob}`, 'verify'], {
        judge: (output) => missingIn(output, 'gone'),
      }),
    ),
  };
}

/** @param name of the counter of metrics without a file. */
function missingIn(output: string, name: 'gone' | 'restored'): string | undefined {
  const counts = countsOf(output);
  if (counts === undefined) return 'the comparison printed no summary';
  const gone = counts[name] ?? 0;
  return gone === 0 ? undefined : `${gone} metrics of the bucket have no file on the host`;
}

/**
 * Finds the counts of a `--json` summary in the output of a host; undefined if there is none. Ansible prints standard
 * error directly after standard output, on the same line.
 */
export function countsOf(output: string): Readonly<Record<string, number>> | undefined {
  for (const line of output.split('\n').toReversed()) {
    if (!line.startsWith('{"command":')) continue;
    try {
      const { counts } = JSON.parse(objectAtStart(line));
      return counts;
    } catch {
      // Truncated, or output of something else.
    }
  }
  return undefined;
}

/** Returns the JSON object at the start of a line; the whole line if none ends there. */
function objectAtStart(line: string): string {
  let depth = 0;
  for (const { 0: token, index } of line.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') depth++;
    if (token === '}' && --depth === 0) return line.slice(0, index + 1);
  }
  return line;
}
