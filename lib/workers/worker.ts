import { parentPort, workerData } from 'node:worker_threads';
import { flatten } from '../stream/flat-error.ts';
import { type ContextOptions, TaskContext } from './context.ts';
import { disclose, type Envelope, enclose } from './envelope.ts';
import { type ResultOf, type TaskName, type TaskOf, tasks } from './work.ts';

export interface ThreadData extends Pick<ContextOptions, 'stopFlag' | 'store'> {
  /** The URL of this file, for `boot.cjs`. */
  readonly entry: string;
}

export interface NamedTask<N extends TaskName> {
  readonly name: N;
  readonly task: TaskOf<N>;
}

/** A message from a thread: a line for the log. */
export interface ThreadWarning {
  readonly warning: string;
}

const data: ThreadData = workerData;
const onWarning = (warning: string) => parentPort?.postMessage({ warning } satisfies ThreadWarning);
const context = new TaskContext({ ...data, onWarning });

export async function run<N extends TaskName>(message: Envelope<NamedTask<N>>): Promise<Envelope<ResultOf<N>>> {
  const { name, task } = disclose(message);
  try {
    return enclose(await tasks[name](task, context));
  } catch (error) {
    throw flatten(error);
  }
}
