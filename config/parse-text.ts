import { type Key, kindOf } from './schema.ts';

/**
 * Parses the text of an option or variable by the type of its key. Numbers are decimal. An invalid number or flag stays
 * text, so that the schema can report it; a bucket called `007` or `1e5` keeps its name.
 *
 * @param list the items, used if the key takes a list.
 */
export function parseText(key: Key, list: readonly string[], text: string): unknown {
  switch (kindOf(key)) {
    case 'list':
      return list;
    case 'number':
      return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'flag':
      return flagOf(text);
    default:
      return text;
  }
}

function flagOf(text: string): boolean | string {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  if (/^(false|no|off|0)$/i.test(text)) return false;
  return text;
}
