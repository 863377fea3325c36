import { readFile, writeFile } from 'node:fs/promises';
import { withFigureDocs } from './docs/figure-table.ts';

// Updates the table of docs/monitoring.md: node --import tsx scripts/figure-docs.ts
const page = new URL('../docs/monitoring.md', import.meta.url);
await writeFile(page, withFigureDocs(await readFile(page, 'utf8')));
