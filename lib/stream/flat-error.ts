const FIELDS = ['code', 'errno', 'syscall', 'path'] as const;

/** An error as plain data, for messages between threads: structured cloning would drop its code. */
export interface FlatError {
  readonly message: string;
  readonly stack?: string | undefined;
  readonly fields: { readonly [Field in (typeof FIELDS)[number]]?: string | number };
  readonly cause?: FlatError;
}

export function flatten(error: unknown): FlatError {
  if (!(error instanceof Error)) return { message: String(error), fields: {} };
  const fields: { [Field in (typeof FIELDS)[number]]?: string | number } = {};
  for (const field of FIELDS) {
    const value: unknown = Reflect.get(error, field);
    if (typeof value === 'string' || typeof value === 'number') fields[field] = value;
  }
  const { message, stack, cause } = error;
  return { message, stack, fields, ...(cause !== undefined && { cause: flatten(cause) }) };
}

/** Creates an error of the original class from its code; returns undefined for an unknown code. */
export type ErrorMaker = (code: string, message: string, options: { cause?: unknown }) => Error | undefined;

/** @param make if omitted, or for codes unknown to it, the result is a plain Error with the same fields. */
export function revive({ message, stack, fields, cause }: FlatError, make?: ErrorMaker): Error {
  const options = cause === undefined ? {} : { cause: revive(cause, make) };
  const { code } = fields;
  const made = typeof code === 'string' ? make?.(code, message, options) : undefined;
  if (made) return made;
  const error = Object.assign(new Error(message, options), fields);
  if (stack !== undefined) error.stack = stack;
  return error;
}
