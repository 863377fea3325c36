import type { Fleet } from './fleet.ts';
import type { RunbookOption, Step } from './step.ts';

export const metricsOption: RunbookOption = {
  name: 'metrics',
  value: 'glob',
  isMany: true,
  text: 'Glob over dotted metric names; in the order in which they are wanted back',
};

export interface RestoreWish {
  /** In this order. */
  readonly globs: readonly string[];
  /** ISO-8601. @default the newest backups */
  readonly date?: string | undefined;
  /** Further options of `whisper-backup restore`. @default [] */
  readonly args?: readonly string[];
  /** What is asked before the first of them, if anything. */
  readonly asks?: string;
  /** @default 'restore' */
  readonly id?: string;
}

/** A restore for each glob. What is there already is backfilled, so that doing it again does no harm. */
export function restoreSteps(fleet: Fleet, host: string, wish: RestoreWish): Step[] {
  const { globs, id = 'restore', asks } = wish;
  return globs.map((metrics, i) => ({
    id: globs.length === 1 ? id : `${id} ${i + 1}`,
    title: `Restore ${metrics === '*' ? 'every metric' : JSON.stringify(metrics)} on ${host}${stateOf(wish)}`,
    commands: [fleet.playbook('restore', host, variablesOf(wish, metrics))],
    ...(asks !== undefined && i === 0 && { asks }),
  }));
}

/** The same without writing: every backup is fetched and checked. */
export function previewStep(fleet: Fleet, host: string, wish: RestoreWish): Step {
  return {
    id: 'preview',
    title: `Try the restore on ${host} without writing: each backup${stateOf(wish)} is fetched and checked`,
    commands: wish.globs.map((metrics) =>
      fleet.playbook('restore', host, { ...variablesOf(wish, metrics), dry_run: true }),
    ),
  };
}

function variablesOf({ date, args = [] }: RestoreWish, metrics: string) {
  return { metrics, ...(date !== undefined && { date }), ...(args.length > 0 && { restore_args: args }) };
}

function stateOf({ date }: RestoreWish): string {
  return date === undefined ? '' : `, as it was before ${date}`;
}
