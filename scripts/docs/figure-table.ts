import { figureTable, reportingCommands } from '../../lib/monitoring/figures.ts';

/** Markers around the table in docs/monitoring.md. */
const BEGIN = '<!-- figures: written by scripts/figure-docs.ts -->';
const END = '<!-- end of figures -->';

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

/**
 * Replaces the table of a page.
 *
 * @throws if the page has no markers.
 */
export function withFigureDocs(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`Cannot write the figures: the page does not have the markers ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${figureDocs()}\n\n${page.slice(end)}`;
}
