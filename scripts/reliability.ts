import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { reasonOf } from '../lib/common/errors.ts';
import { figuresOf, withFigures } from './docs/reliability-block.ts';
import { readTestOutput } from './docs/test-output.ts';

/*
 * The last step of `make reliability`: writes the figures of a test run into docs/reliability.md.
 *
 *     node --import tsx scripts/reliability.ts OUTPUT [PAGE]
 *
 * OUTPUT is the output of `node --test` on the same runtime, with the reporter tap or spec.
 */

const [output, page = 'docs/reliability.md'] = process.argv.slice(2);
try {
  if (output === undefined) throw new Error('OUTPUT is missing: give the output file of node --test');
  const occasion = { date: new Date().toISOString().slice(0, 10), runtime: `Node ${process.versions.node}` };
  const figures = figuresOf(readTestOutput(await readFile(output, 'utf8')), occasion);
  await writeFile(page, withFigures(await readFile(page, 'utf8'), figures));
  console.log(`Updated ${page} with the figures of ${occasion.date}`);
} catch (error) {
  console.error(`Cannot update ${page}: ${reasonOf(error)}`);
  process.exitCode = 1;
}
