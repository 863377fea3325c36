import type { TaskContext } from './context.ts';
import { check } from './tasks/check.ts';
import { comparePoints } from './tasks/compare-points.ts';
import { fingerprint } from './tasks/fingerprint.ts';
import { journalFiles } from './tasks/journal-files.ts';
import { recheck } from './tasks/recheck.ts';
import { restoreFiles } from './tasks/restore-files.ts';
import { storeFiles } from './tasks/store-files.ts';
import { storePart } from './tasks/store-part.ts';

/** The tasks of a worker thread: `(task, context) => Promise`. Arguments and results are plain data. */
const TASKS = { storeFiles, restoreFiles, recheck, check, fingerprint, comparePoints, journalFiles, storePart };

export type TaskName = keyof typeof TASKS;
export type TaskOf<N extends TaskName> = Parameters<(typeof TASKS)[N]>[0];
export type ResultOf<N extends TaskName> = Awaited<ReturnType<(typeof TASKS)[N]>>;

/** The same table, typed so that name, argument and result match. */
export const tasks: { readonly [N in TaskName]: (task: TaskOf<N>, context: TaskContext) => Promise<ResultOf<N>> } =
  TASKS;
