import { UsageError } from '../../config/errors.ts';
import { splitWords } from './words.ts';

/**
 * Reads further arguments for Ansible, such as `-K` or `--ask-vault-pass`.
 *
 * @param name what they were given as, for the error.
 * @throws UsageError for those that choose hosts: these are checked before anything is run.
 */
export function ansibleArguments(text: string | undefined, name: string): readonly string[] {
  const words = splitWords(text ?? '', name);
  const bad = words.find((word) => /^(-[il]|--(inv|lim|inventory-file))/.test(word));
  if (bad !== undefined)
    throw new UsageError(
      `${name} must not choose hosts: got ${bad}; give the inventory, host or group by their own names`,
    );
  return words;
}

/** Ansible runs what stands in a template, on the bastion. */
export function hasTemplate(value: string): boolean {
  return /\{[{%#]/.test(value);
}
