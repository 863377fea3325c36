import { readFile, writeFile } from 'node:fs/promises';
import { costTable } from '../bench/src/costs.ts';
import { journalTables } from '../bench/src/report.ts';
import { readResults } from '../bench/src/results.ts';
import { withCosts, withJournal } from './docs/bench-blocks.ts';
import { checkout } from './fleet/checkout.ts';

// Updates the figures of README and docs/performance.md from those of the benchmark: node --import tsx scripts/bench-docs.ts
const results = await readResults(`${checkout}/bench/results.json`);
for (const [name, update] of [
  ['README.md', (page: string) => withCosts(page, costTable(results))],
  ['docs/performance.md', (page: string) => withJournal(page, journalTables(results))],
] as const) {
  const page = `${checkout}/${name}`;
  await writeFile(page, update(await readFile(page, 'utf8')));
}
