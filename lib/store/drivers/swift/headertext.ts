/** A text as the value of a header: its bytes in UTF-8, one a character, which is all that `fetch` takes. */
export function headerText(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
