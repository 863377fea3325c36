import { figureTable, reportingCommands } from '../../lib/monitoring/figures.ts';

/** What stands around the table in docs/monitoring.md. */
const BEGIN = '<!-- figures: written by scripts/figure-docs.ts -->';
const END = '<!-- end of figures -->';

/** The figures as a table of Markdown, padded as a formatter would. */
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

/**
 * A page with the table as it is now.
 *
 * @throws when the page has no place for it.
 */
export function withFigureDocs(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`The page has no place for the figures, between ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${figureDocs()}\n\n${page.slice(end)}`;
}
