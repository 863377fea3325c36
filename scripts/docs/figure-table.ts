import { markdownTable } from '../../lib/common/table.ts';
import { figureTable, reportingCommands } from '../../lib/monitoring/figures.ts';
import { MarkedBlock } from './marked-block.ts';

/** Of docs/monitoring.md. */
const block = new MarkedBlock('<!-- figures: written by scripts/figure-docs.ts -->', '<!-- end of figures -->');

/** Returns the figures as a Markdown table. */
export function figureDocs(): string {
  const rows = figureTable.map(({ name, unit, commands, meaning, from }) => [
    `\`${name}\``,
    unit,
    commands.length === reportingCommands.length ? 'all' : commands.join(', '),
    typeof from === 'string' ? `\`${from}\`` : '',
    meaning,
  ]);
  return markdownTable(['name', 'unit', 'commands', 'in `counts`', 'meaning'], rows);
}

/** Replaces the table of a page. @throws RangeError if the page has no markers. */
export function withFigureDocs(page: string): string {
  return block.replace(page, figureDocs());
}
