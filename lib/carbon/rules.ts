import { InvalidOptionError, reasonOf } from '../common/errors.ts';
import { type ConfigSection, parseConfigFile } from './config-file.ts';
import { PythonPattern } from './pattern.ts';

/** A section of one of carbon's files that was left out, and why. */
export type OnSkipped = (section: string, reason: string) => void;

/** Sections with patterns, of which the first that matches a metric counts. */
export class Rules<T> {
  readonly #rules: { readonly pattern: PythonPattern; readonly value: T }[] = [];
  readonly #otherwise: T;

  /**
   * @param read returns the value of a section, or the reason why carbon skips it.
   * @param otherwise for metrics without a rule.
   * @throws InvalidOptionError if carbon would not start with the file, or a pattern is not supported.
   */
  constructor(text: string, read: (section: ConfigSection) => T | string, otherwise: T, onSkipped: OnSkipped) {
    this.#otherwise = otherwise;
    const sections = parseConfigFile(text, (name) =>
      onSkipped(name, 'carbon ignores a section with text behind its name'),
    );
    for (const section of sections) {
      const value = inSection(section, () => read(section));
      if (typeof value === 'string') {
        onSkipped(section.name, value);
        continue;
      }
      const pattern = section.options.get('pattern') ?? '';
      this.#rules.push({ pattern: inSection(section, () => new PythonPattern(pattern)), value });
    }
  }

  /**
   * @param name of the metric, as carbon has it.
   * @throws InvalidOptionError if a pattern may match the name in another way than Python.
   */
  find(name: string): T {
    const rule = this.#rules.find(({ pattern }) => pattern.matches(name));
    return rule ? rule.value : this.#otherwise;
  }
}

function inSection<R>({ name }: ConfigSection, task: () => R): R {
  try {
    return task();
  } catch (cause) {
    throw new InvalidOptionError(`[${name}]: ${reasonOf(cause)}`, { cause });
  }
}
