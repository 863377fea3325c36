import { UsageError } from '../../config/errors.ts';
import { splitWords } from './words.ts';

/**
 * Parses extra arguments for Ansible, such as `-K` or `--ask-vault-pass`.
 *
 * @param name the option or variable they come from, for messages.
 * @throws UsageError if an argument selects hosts: those are checked before anything runs.
 */
export function ansibleArguments(text: string | undefined, name: string): readonly string[] {
  const words = splitWords(text ?? '', name);
  const bad = words.find((word) => /^(-[il]|--(inv|lim|inventory-file))/.test(word));
  if (bad !== undefined)
    throw new UsageError(`${name} must not select hosts: got ${bad}; use the options for inventory, host or group`);
  return words;
}

/** Returns whether a value contains a template, which Ansible would evaluate on the bastion. */
export function hasTemplate(value: string): boolean {
  return /\{[{%#]/.test(value);
}
