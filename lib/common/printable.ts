/** Control, format (bidirectional marks, zero width), line separator and lone surrogate characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\ufffd]/gu;

/**
 * Escapes a name from a bucket or a file system, so that it cannot control a terminal or break a log line. Unprintable
 * characters become `\x1b` or `\u{202e}`.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * Returns a JSON record as one line. Also escapes C1 control characters and bidirectional marks: JSON allows them as
 * they are, but a terminal would obey them.
 */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // Per UTF-16 unit: JSON escapes a character above U+FFFF as a surrogate pair.
    Array.from({ length: character.length }, (_, index) => escapeOf(character.charCodeAt(index))).join(''),
  );
  return `${text}\n`;
}

function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
