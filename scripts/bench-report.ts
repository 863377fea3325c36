import process from 'node:process';
import { render } from '../bench/src/render.ts';

/*
 * `make bench-report`: writes report and chart again from the raw figures of an earlier run.
 *
 *     node --import tsx scripts/bench-report.ts [DIRECTORY]
 */

await render(process.argv[2] ?? 'bench');
