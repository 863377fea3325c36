import { UsageError } from '../../config/errors.ts';

/**
 * Splits text into words like a shell, with quotes and backslashes but without expansion.
 *
 * @param name the option or variable it comes from, for messages.
 * @throws UsageError if a quote is not closed.
 */
export function splitWords(text: string, name: string): readonly string[] {
  const words: string[] = [];
  // A quoted part, an escaped character, plain characters, or white space between words.
  const part = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)|(\s+)/gsy;
  let word: string | undefined;
  while (part.lastIndex < text.length) {
    const at = part.lastIndex;
    const match = part.exec(text);
    if (!match) throw new UsageError(`Cannot read ${name}: a quote is not closed: ${text.slice(at)}`);
    const [, single, double, escaped, plain, space] = match;
    if (space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (single ?? double?.replace(/\\(["\\])/g, '$1') ?? escaped ?? plain ?? '');
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
