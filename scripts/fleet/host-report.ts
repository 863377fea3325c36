import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { reasonOf } from '../../lib/common/errors.ts';
import { type HostStatus, hostStatusSchema } from '../../lib/monitoring/host-status.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';
import { judgePrune, type PruneReport, type PruneState, pruneReportPath, readPruneReport } from './prune-report.ts';

/** Neither the host nor its bucket responded. */
const unreachableSchema = v.object({ unreachable: v.literal(true), error: v.optional(v.string()) });

/** The host responded, but the program is missing or failed. */
const failedSchema = v.object({ failed: v.literal(true), error: v.optional(v.string()) });

/** The report of one host, by its name in the inventory. */
export type HostReport = { readonly name: string; readonly prune?: PruneReport } & (
  | { readonly status: HostStatus }
  | { readonly unreachable: string }
  | { readonly noStatus: string }
);

/**
 * Reads the reports `<host>.json` of a fleet: the output of `status --json`, or that the host is unreachable. An invalid
 * file counts as no status, with the reason.
 *
 * @param expected hosts that are reported as without status if they have no file.
 * @throws if the directory cannot be read.
 */
export async function readHostReports(
  directory: string,
  expected: readonly string[] = [],
): Promise<readonly HostReport[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  const found = new Set(files.map((name) => name.slice(0, -'.json'.length)));
  const names = [...new Set([...found, ...expected])].sort();
  return Promise.all(
    names.map(async (name) => {
      const prune = await readPruneReport(pruneReportPath(directory, name));
      const report: HostReport = found.has(name)
        ? await readReport(join(directory, `${name}.json`), name)
        : { name, noStatus: 'no status was collected' };
      return prune === undefined ? report : { ...report, prune };
    }),
  );
}

async function readReport(path: string, name: string): Promise<HostReport> {
  try {
    const content: unknown = JSON.parse(await readRegularFile(path));
    const unreachable = v.safeParse(unreachableSchema, content);
    if (unreachable.success) return { name, unreachable: unreachable.output.error ?? 'no answer' };
    const failed = v.safeParse(failedSchema, content);
    if (failed.success) return { name, noStatus: failed.output.error ?? 'no reason given' };
    const status = v.safeParse(hostStatusSchema, content);
    if (status.success) return { name, status: status.output };
    const [issue] = status.issues;
    return { name, noStatus: `${path} is not a valid status: '${v.getDotPath(issue) ?? ''}': ${issue.message}` };
  } catch (error) {
    return { name, noStatus: `cannot read ${path}: ${reasonOf(error)}` };
  }
}

/** Returns how the bucket of the host was pruned, by another host or by itself. @returns undefined if it was not. */
export function pruneOf(report: HostReport, now: Date): PruneState | undefined {
  if (report.prune) return judgePrune(report.prune, now);
  if (!('status' in report) || report.status.prune === null) return undefined;
  return judgePrune({ timer: false, since: 0, interval: 0, status: report.status }, now);
}

/** Returns whether the host needs attention. A dead host does, even if its last backup succeeded. */
export function isRed(report: HostReport): boolean {
  return !('status' in report) || report.status.state !== 'ok' || report.status.source === 'bucket';
}
