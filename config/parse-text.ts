import { type Key, kindOf } from './schema.ts';

/**
 * What a text means as the value of a key. Numbers are decimal; what is none stays text, and the schema then says what
 * it must be. Text stays as it is: a bucket called `007` or `1e5` keeps its name.
 *
 * @param list the text's parts, should the key take a list.
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
