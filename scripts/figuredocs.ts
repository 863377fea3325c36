import { readFile, writeFile } from 'node:fs/promises';
import { withFigureDocs } from './carbon/figuredocs.ts';

// Writes the table of docs/monitoring.md anew: node --import tsx scripts/figuredocs.ts
const page = new URL('../docs/monitoring.md', import.meta.url);
await writeFile(page, withFigureDocs(await readFile(page, 'utf8')));
