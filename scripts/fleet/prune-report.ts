import { join } from 'node:path';
import * as v from 'valibot';
import { codeOf, reasonOf } from '../../lib/common/errors.ts';
import { spanText } from '../../lib/common/span.ts';
import { type HostStatus, hostStatusSchema } from '../../lib/monitoring/host-status.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';

const Schema = v.object({
  /** Whether the timer is enabled. */
  timer: v.boolean(),
  /** Since when this bucket is pruned there, in seconds since 1970. */
  since: v.number(),
  /** Seconds between two runs. */
  interval: v.number(),
  status: v.pick(hostStatusSchema, ['prune']),
});
const failedSchema = v.object({ error: v.string() });

/** How the bucket of a host was pruned, usually by another one. */
export type PruneReport = v.InferOutput<typeof Schema> | { readonly error: string };

/** @returns undefined if there is no report, as for a host that deletes by itself. */
export async function readPruneReport(path: string): Promise<PruneReport | undefined> {
  try {
    const content: unknown = JSON.parse(await readRegularFile(path));
    const failed = v.safeParse(failedSchema, content);
    return failed.success ? failed.output : v.parse(Schema, content);
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : { error: `cannot read ${path}: ${reasonOf(error)}` };
  }
}

/** Returns where the reports of prunes are, below the directory of the hosts' reports. */
export function pruneReportPath(directory: string, host: string): string {
  return join(directory, 'prune', `${host}.json`);
}

/** What a table shows of the prunes of a bucket. */
export interface PruneState {
  /** The last one that was recorded where it ran. */
  readonly last: HostStatus['prune'];
  /** Its age in seconds, or what is wrong in a word. */
  readonly text: string;
  readonly problem?: string;
}

/** Judges a report: a prune that failed, or that is older than two intervals of an enabled timer, is a problem. */
export function judgePrune(report: PruneReport, now: Date): PruneState {
  if ('error' in report)
    return { last: null, text: 'unknown', problem: `how its bucket was pruned is unknown: ${report.error}` };
  const { timer, since, interval, status } = report;
  const last = status.prune;
  const age = last ? Math.max(0, (now.getTime() - Date.parse(last.finished)) / 1000) : undefined;
  const ago = age === undefined ? undefined : spanText(age);
  if (last && last.exitCode !== 0) {
    const why = last.error === undefined ? '' : `: ${last.error}`;
    return { last, text: 'FAILED', problem: `its last prune, ${ago} ago, ended with exit code ${last.exitCode}${why}` };
  }
  const waited = Math.min(now.getTime() / 1000 - since, age ?? Number.POSITIVE_INFINITY);
  if (!timer || waited <= 2 * interval) return { last, text: ago ?? 'never' };
  const latest = ago === undefined ? 'none is on record' : `the last one was ${ago} ago`;
  return { last, text: 'LATE', problem: `its prune is late: ${latest}` };
}
