import { InvalidOptionError } from '../common/errors.ts';
import { pathOf } from './metric-name.ts';

/** Renames the metric `from`, and all metrics below it. Both are dotted names, as in a listing of the bucket. */
export interface RenameRule {
  readonly from: string;
  readonly to: string;
}

/**
 * Parses `OLD=NEW`; or both names with a tab between them, for names that contain a `=`.
 *
 * @returns undefined if the text has no rule, or is ambiguous.
 */
export function parseRename(text: string): RenameRule | undefined {
  const [from = '', to = '', ...more] = text.split(text.includes('\t') ? '\t' : '=');
  return from === '' || to === '' || more.length > 0 ? undefined : { from, to };
}

interface Indexed extends RenameRule {
  readonly index: number;
}

/** The new names of metrics by a list of rules. Of several rules for one metric, the most specific `from` counts. */
export class Renaming {
  readonly isEmpty: boolean;
  readonly #byOld = new Map<string, RenameRule>();
  readonly #byNew = new Map<string, Indexed[]>();

  /** @throws InvalidOptionError if a name is not that of a metric, or a metric has two new names. */
  constructor(rules: readonly RenameRule[]) {
    this.isEmpty = rules.length === 0;
    for (const [index, rule] of rules.entries()) {
      checkName(rule.from);
      checkName(rule.to);
      const other = this.#byOld.get(rule.from);
      if (other?.to === rule.to) continue;
      if (other) throw new InvalidOptionError(`Cannot rename ${rule.from} to both ${other.to} and ${rule.to}`);
      this.#byOld.set(rule.from, rule);
      this.#byNew.set(rule.to, [...(this.#byNew.get(rule.to) ?? []), { ...rule, index }]);
    }
  }

  /** Returns the new name of a metric; its own if no rule applies to it. */
  targetOf(metric: string): string {
    const rule = this.ruleOf(metric);
    return rule ? rule.to + metric.slice(rule.from.length) : metric;
  }

  /** Returns the rule that gives a metric its new name. */
  ruleOf(metric: string): RenameRule | undefined {
    if (this.isEmpty) return undefined;
    for (const { above } of ancestors(metric)) {
      const rule = this.#byOld.get(above);
      if (rule) return rule;
    }
    return undefined;
  }

  get rules(): Iterable<RenameRule> {
    return this.#byOld.values();
  }

  /**
   * Returns all names that have this new name: first the metric that keeps its name, then the others in the order of
   * the rules. They need not exist.
   */
  sourcesOf(target: string): string[] {
    const kept = this.targetOf(target) === target ? [target] : [];
    const found: { readonly source: string; readonly index: number }[] = [];
    for (const { above, rest } of ancestors(target))
      for (const { from, index } of this.#byNew.get(above) ?? []) found.push({ source: from + rest, index });
    const renamed = found.toSorted((a, b) => a.index - b.index).map(({ source }) => source);
    return [...new Set([...kept, ...renamed.filter((source) => this.targetOf(source) === target)])];
  }
}

/** Yields a metric and everything that it is below, the most specific first. */
function* ancestors(metric: string): Generator<{ readonly above: string; readonly rest: string }> {
  for (let end = metric.length; end > 0; end = metric.lastIndexOf('.', end - 1))
    yield { above: metric.slice(0, end), rest: metric.slice(end) };
}

/** A name may become that of a directory, where `..` is not allowed. */
function checkName(name: string): void {
  if (pathOf(name) !== undefined && pathOf(`${name}.x`) !== undefined) return;
  throw new InvalidOptionError(
    `Cannot rename: ${JSON.stringify(name)} is not the name of a metric: write it as list does, servers.web01, without dots at its ends`,
  );
}
