import type { Fleet, PlaybookVariables } from '../engine/fleet.ts';
import type { RunbookOption, Step, Values } from '../engine/runbook.ts';

export const metricsOption: RunbookOption = {
  name: 'metrics',
  value: 'glob',
  isMany: true,
  text: 'Glob over dotted metric names; restored in this order',
};

export const fallbackOption: RunbookOption = {
  name: 'fallback',
  text: 'Fall back to the previous backup of a metric if the newest is damaged',
};

export function fallbackOf(values: Values): readonly string[] {
  return values.is('fallback') ? ['--fallback'] : [];
}

export interface RestoreWish {
  /** Restored in this order. */
  readonly globs: readonly string[];
  /** ISO 8601. @default the newest backups */
  readonly date?: string | undefined;
  /** Only the points of this time, also where that removes some. @default those that are missing */
  readonly window?: { readonly from: string; readonly until: string };
  /** Extra options of `whisper-backup restore`. @default [] */
  readonly args?: readonly string[];
  /** Globs of metrics to skip. @default [] */
  readonly exclude?: readonly string[];
  /** Question before the first restore. */
  readonly asks?: string;
  /** @default 'restore' */
  readonly id?: string;
}

/** Restores glob by glob, each without the metrics of the earlier ones. Existing files are backfilled, so it is repeatable. */
export function restoreSteps(fleet: Fleet, host: string, wish: RestoreWish): Step[] {
  const { globs, id = 'restore', asks } = wish;
  const what = (glob: string, i: number) =>
    glob !== '*' ? JSON.stringify(glob) : i === 0 ? 'every metric' : 'the rest';
  return globs.map((metrics, i) => ({
    id: globs.length === 1 ? id : `${id} ${i + 1}`,
    title: `Restore ${what(metrics, i)} on ${host} from backups and journal${stateOf(wish)}`,
    commands: [
      {
        ...fleet.playbook('restore', host, variablesOf({ ...wish, exclude: globs.slice(0, i) }, metrics)),
        // Earlier globs may have matched all metrics of this one.
        ...(i > 0 && { forgives: /NOTHING_MATCHED|Nothing to restore: / }),
      },
    ],
    ...(asks !== undefined && i === 0 && { asks }),
  }));
}

/** Does a dry run of the restore, which fetches and checks every backup that differs from its local file. */
export function previewStep(fleet: Fleet, host: string, wish: RestoreWish): Step {
  return {
    id: 'preview',
    title: `Try the restore on ${host} without writing: each backup is fetched and checked`,
    commands: wish.globs.map((metrics) =>
      fleet.playbook('restore', host, { ...variablesOf(wish, metrics), dry_run: true }),
    ),
  };
}

function variablesOf({ date, window, args = [], exclude = [] }: RestoreWish, metrics: string): PlaybookVariables {
  const points = window ? [`--from=${window.from}`, `--until=${window.until}`, '--erase'] : [];
  const all = [...points, ...args, ...exclude.map((glob) => `--exclude=${glob}`)];
  return { metrics, ...(date !== undefined && { date }), ...(all.length > 0 && { restore_args: all }) };
}

function stateOf({ date, window }: RestoreWish): string {
  const points = window ? `, only points from ${window.from} to ${window.until}` : '';
  return date === undefined ? points : `${points}, as it was before ${date}`;
}
