/** Control, format (bidirectional marks, zero width), line separator and lone surrogate characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\ufffd]/gu;

/**
 * Makes a name from a bucket or a file system safe to show: a terminal must not obey it and a log line must stay one
 * line. What does not print is written `\x1b` or `\u{202e}`.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * One JSON record on one line. JSON leaves C1 controls and marks that change the direction of text as they are, and a
 * terminal would obey them: they are written as escapes.
 */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // By code unit: beyond the basic plane JSON writes a pair.
    Array.from({ length: character.length }, (_, index) => escapeOf(character.charCodeAt(index))).join(''),
  );
  return `${text}\n`;
}

function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
