type Rows = readonly (readonly string[])[];

/** Pads the cells of each column to equal width. @param right the columns aligned to the right, from 0. */
function align(rows: Rows, right: readonly number[]): string[][] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows.map((row) =>
    row.map((cell, column) => cell[right.includes(column) ? 'padStart' : 'padEnd'](widths[column] ?? 0)),
  );
}

/** Returns the lines of a table without borders. @param right the columns aligned to the right, from 0. */
export function plainTable(rows: Rows, right: readonly number[] = []): string[] {
  return align(rows, right).map((cells) => cells.join('  ').trimEnd());
}

/** Returns the lines of a table with borders: three for the head, one for each row, and the last border. */
export function boxTable(head: readonly string[], rows: Rows, right: readonly number[] = []): string[] {
  const [first = [], ...others] = align([head, ...rows], right);
  const border = (left: string, middle: string, end: string) =>
    `${left}${first.map((cell) => '─'.repeat(cell.length + 2)).join(middle)}${end}`;
  const line = (cells: readonly string[]) => `│ ${cells.join(' │ ')} │`;
  return [border('┌', '┬', '┐'), line(first), border('├', '┼', '┤'), ...others.map(line), border('└', '┴', '┘')];
}

/** Returns a table in Markdown, padded as a formatter would. */
export function markdownTable(head: readonly string[], rows: Rows, right: readonly number[] = []): string {
  const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const [first = [], ...others] = align(escaped, right);
  const rule = first.map((cell, column) =>
    right.includes(column) ? `${'-'.repeat(cell.length - 1)}:` : '-'.repeat(cell.length),
  );
  return [first, rule, ...others].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
