import { produce } from '../stream/thread.ts';
import { pack, transferOf, type WalkTask } from './walk-batch.ts';

/*
 * The thread that walks a tree. It imports little, so that it starts quickly.
 */

produce((task: WalkTask) => pack(task), transferOf);
