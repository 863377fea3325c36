const FIELDS = ['code', 'errno', 'syscall', 'path'] as const;

/** An error as plain data, which is how it crosses from one thread to another: structured cloning would drop its code. */
export interface FlatError {
  readonly message: string;
  readonly stack?: string | undefined;
  /** `code`, `errno`, `syscall` and `path`, where it has them. */
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

/** Makes an error of a class that the sender knew by its code; undefined for a code that is none of its own. */
export type ErrorMaker = (code: string, message: string, options: { cause?: unknown }) => Error | undefined;

/** @param make without it, or for codes that it does not know, plain errors with the same fields come out. */
export function revive({ message, stack, fields, cause }: FlatError, make?: ErrorMaker): Error {
  const options = cause === undefined ? {} : { cause: revive(cause, make) };
  const { code } = fields;
  const made = typeof code === 'string' ? make?.(code, message, options) : undefined;
  if (made) return made;
  const error = Object.assign(new Error(message, options), fields);
  if (stack !== undefined) error.stack = stack;
  return error;
}
