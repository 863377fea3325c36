import { parentPort, workerData } from 'node:worker_threads';
import { flatten } from '../stream/flat-error.ts';
import { type ContextOptions, TaskContext } from './context.ts';
import { type TaskName, type TaskOf, tasks } from './work.ts';

/** What the pool gives each of its threads. */
export interface ThreadData extends Pick<ContextOptions, 'stopFlag' | 'store'> {
  /** The URL of this file, for `boot.cjs`. */
  readonly entry: string;
}

/** What a thread is asked to do. */
export interface NamedTask<N extends TaskName> {
  readonly name: N;
  readonly task: TaskOf<N>;
}

/** A line for the log, from a thread. */
export interface ThreadWarning {
  readonly warning: string;
}

const data: ThreadData = workerData;
const onWarning = (warning: string) => parentPort?.postMessage({ warning } satisfies ThreadWarning);
const context = new TaskContext({ ...data, onWarning });

/**
 * Does a task in this thread.
 *
 * @throws FlatError
 */
export function run<N extends TaskName>({ name, task }: NamedTask<N>): Promise<unknown> {
  return tasks[name](task, context).catch((error: unknown) => {
    throw flatten(error);
  });
}
