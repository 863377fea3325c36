const REDACTED = '[redacted]';
const SECRET = /secret|passw|passphrase|token|credential|key/i;

/** Returns whether the value of this name must never be printed. */
export function isSecret(name: string): boolean {
  return SECRET.test(name);
}

/** Redacts a storage argument such as `secret=abc`: the value of a secret, and a password in a URL. */
export function redactArgument(argument: string): string {
  const equals = argument.indexOf('=');
  if (equals > 0 && isSecret(argument.slice(0, equals))) return `${argument.slice(0, equals)}=${REDACTED}`;
  return redactUrl(argument);
}

function redactUrl(text: string): string {
  return text.replace(/(:\/\/[^/@:\s]*):[^/@\s]*@/g, `$1:${REDACTED}@`);
}

/** Redacts the value of a configuration key. */
export function redact(key: string, value: unknown): unknown {
  // The path of the credentials file is not secret, but someone may have pasted its content.
  const isFileName = key === 'credentials' && typeof value === 'string' && /^[^=\n]*$/.test(value);
  if (isSecret(key) && !isFileName && value !== undefined) return REDACTED;
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? redactArgument(one) : one));
  return typeof value === 'string' ? redactArgument(value) : value;
}

/** Formats a redacted value for a message. Nested values are only named as such: YAML allows endless ones. */
export function formatValue(key: string, value: unknown): string {
  const flat = redact(key, value);
  const isFlat = Array.isArray(flat) ? flat.every((one) => !isNested(one)) : !isNested(flat);
  if (!isFlat) return Array.isArray(flat) ? 'a nested list' : 'a table';
  return JSON.stringify(flat) ?? String(value);
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}
