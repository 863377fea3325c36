import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import { reportOf } from './report.ts';
import { readResults } from './results.ts';

/**
 * Writes `report.md` and `chart.svg` from the `results.json` of a directory.
 *
 * @returns the report.
 */
export async function render(directory: string): Promise<string> {
  const results = await readResults(join(directory, 'results.json'));
  const report = reportOf(results);
  await writeFile(join(directory, 'report.md'), report);
  await writeFile(join(directory, 'chart.svg'), chartOf(results));
  return report;
}
