import { printable } from '../../../lib/common/printable.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes a text, such as the name of a metric, for an element or an attribute. Valid in HTML and XML. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/[\ufffe\uffff]/g, '\ufffd');
}

/** Returns a table. Cells are escaped. @param head may be empty. */
export function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (tag: string, cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>\n`;
  return `<table>\n${head.length > 0 ? row('th', head) : ''}${rows.map((cells) => row('td', cells)).join('')}</table>\n`;
}
