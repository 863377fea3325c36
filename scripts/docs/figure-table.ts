import { figureTable, reportingCommands } from '../../lib/monitoring/figures.ts';
import { MarkedBlock } from './marked-block.ts';

/** Of docs/monitoring.md. */
const block = new MarkedBlock('<!-- figures: written by scripts/figure-docs.ts -->', '<!-- end of figures -->');

/** Returns the figures as a Markdown table, padded as a formatter would. */
export function figureDocs(): string {
  const rows = figureTable.map(({ name, unit, commands, meaning, from }) => [
    `\`${name}\``,
    unit,
    commands.length === reportingCommands.length ? 'all' : commands.join(', '),
    typeof from === 'string' ? `\`${from}\`` : '',
    meaning,
  ]);
  const table = [['name', 'unit', 'commands', 'in `counts`', 'meaning'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

/** Replaces the table of a page. @throws RangeError if the page has no markers. */
export function withFigureDocs(page: string): string {
  return block.replace(page, figureDocs());
}
