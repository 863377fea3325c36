import type { StoredMetric } from '../../bucket/metric.ts';
import { pathOf } from '../../bucket/metric-name.ts';
import { type RenameRule, Renaming } from '../../bucket/rename.ts';
import { InvalidOptionError } from '../../common/errors.ts';
import { selector } from '../../common/glob.ts';
import type { SelectOptions } from '../../common/options.ts';
import type { Report } from '../../common/report.ts';
import type { Target } from './attempts.ts';

export interface RenameOptions {
  /** Restore metrics under other names. @default [] */
  readonly rename?: readonly RenameRule[];
  /** Let several metrics fill one file, in the order of {@link Renaming.sourcesOf}. @default false */
  readonly merge?: boolean;
}

/** The metrics to restore, their new names, and the order of those that fill one file. */
export class Targets {
  readonly renaming: Renaming;
  readonly isSelected: (metric: string) => boolean;
  readonly #merges: boolean;
  readonly #used = new Set<RenameRule>();
  #lastPass = 0;

  constructor({ rename = [], merge = false, ...select }: SelectOptions & RenameOptions) {
    this.renaming = new Renaming(rename);
    this.isSelected = selector(select);
    this.#merges = merge && !this.renaming.isEmpty;
  }

  /**
   * Yields the numbers of the passes over the bucket. Metrics that fill one file are in different passes, so which one
   * comes first does not depend on the speed of threads. Without a merge there is one pass.
   */
  *passes(): Generator<number> {
    for (let pass = 0; pass <= this.#lastPass; pass++) yield pass;
  }

  isIn(pass: number, metric: string): boolean {
    if (!this.isSelected(metric)) return false;
    if (!this.#merges) return true;
    const sources = this.renaming.sourcesOf(this.renaming.targetOf(metric)).filter(this.isSelected);
    const own = sources.indexOf(metric);
    this.#lastPass = Math.max(this.#lastPass, own);
    return own === pass;
  }

  of({ metric, path: own }: StoredMetric): Target {
    const rule = this.renaming.ruleOf(metric);
    if (rule) this.#used.add(rule);
    const target = this.renaming.targetOf(metric);
    const path = target === metric ? own : pathOf(target);
    if (path === undefined) throw new InvalidOptionError(`Cannot rename ${metric}: ${target} is not a possible name`);
    return { metric: target, path };
  }

  /** Logs each rule that no restored metric needed: its name may be mistyped. */
  reportUnused({ log }: Report): void {
    for (const rule of this.renaming.rules) {
      if (this.#used.has(rule)) continue;
      const { from, to } = rule;
      log(
        'warn',
        `The rule ${from}=${to} has renamed nothing: no restored metric is ${from} or below it`,
        'rules that renamed nothing',
      );
    }
  }
}
