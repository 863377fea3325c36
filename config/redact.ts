const REDACTED = '[redacted]';
const SECRET = /secret|passw|passphrase|token|credential|key/i;

/** Whether what stands under this name must never be printed. */
export function isSecret(name: string): boolean {
  return SECRET.test(name);
}

/** One storage argument such as `secret=abc`, fit to be printed: a secret's value and a password in a URL are left out. */
export function redactArgument(argument: string): string {
  const equals = argument.indexOf('=');
  if (equals > 0 && isSecret(argument.slice(0, equals))) return `${argument.slice(0, equals)}=${REDACTED}`;
  return redactUrl(argument);
}

function redactUrl(text: string): string {
  return text.replace(/(:\/\/[^/@:\s]*):[^/@\s]*@/g, `$1:${REDACTED}@`);
}

/** The value of a configuration key without what is secret in it. */
export function redact(key: string, value: unknown): unknown {
  // It names a file; what was meant for the file itself is not shown.
  const isFileName = key === 'credentials' && typeof value === 'string' && /^[^=\n]*$/.test(value);
  if (isSecret(key) && !isFileName) return REDACTED;
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? redactArgument(one) : one));
  return typeof value === 'string' ? redactArgument(value) : value;
}

/** A redacted value as a message shows it; of what is nested, which YAML allows to be endless, only that it is. */
export function shown(key: string, value: unknown): string {
  const flat = redact(key, value);
  const isFlat = Array.isArray(flat) ? flat.every((one) => !isNested(one)) : !isNested(flat);
  if (!isFlat) return Array.isArray(flat) ? 'a nested list' : 'a table';
  return JSON.stringify(flat) ?? String(value);
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}
