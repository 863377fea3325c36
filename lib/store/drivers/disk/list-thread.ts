import { produce } from '../../../stream/thread.ts';
import { pack, transferOf } from './listbatch.ts';
import type { ListTask } from './listing.ts';

/*
 * The thread that lists a bucket. It loads little, so that it starts quickly.
 */

produce((task: ListTask) => pack(task), transferOf);
