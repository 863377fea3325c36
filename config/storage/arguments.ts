import { UsageError } from '../errors.ts';
import { suggestion } from '../nearest.ts';

/**
 * Parses storage arguments: `name=value`, or values without a name in the order of `names`.
 *
 * @throws UsageError if an argument is unknown, repeated, empty or one too many.
 */
export function readArguments<const N extends string>(
  storage: string,
  given: readonly string[],
  names: readonly N[],
): Partial<Record<N, string>> {
  const values: Partial<Record<N, string>> = {};
  given.forEach((argument, index) => {
    const equals = argument.indexOf('=');
    const typed = equals > 0 && /^[\w-]+$/.test(argument.slice(0, equals)) ? argument.slice(0, equals) : undefined;
    const name = typed === undefined ? names[index] : names.find((one) => one === typed);
    // The argument may contain a secret, so the message has only its name or position.
    const what = typed === undefined ? `number ${index + 1}` : `'${typed}'`;
    if (name === undefined) {
      throw new UsageError(`Storage '${storage}' has no argument ${what}${typed ? suggestion(typed, names) : ''}`);
    }
    if (values[name] !== undefined) throw new UsageError(`Storage '${storage}' takes its argument '${name}' only once`);
    const value = typed === undefined ? argument : argument.slice(equals + 1);
    if (value === '') throw new UsageError(`Storage '${storage}' needs a value for its argument '${name}'`);
    values[name] = value;
  });
  return values;
}
