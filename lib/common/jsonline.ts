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
