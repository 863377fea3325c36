import { produce } from '../../../stream/thread.ts';
import { type ListTask, pack, transferOf } from './listing.ts';

/*
 * The thread that lists a bucket. It imports little, so that it starts quickly.
 */

produce((task: ListTask) => pack(task), transferOf);
