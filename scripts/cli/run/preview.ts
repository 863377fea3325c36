import type { MetricOutcome, RestoreWatcher } from '../../../lib/operations/restore/outcomes.ts';
import type { Plot } from '../../../lib/whisper/changes.ts';
import type { Output } from '../io/output.ts';
import { previewText } from '../text/preview.ts';

/** How many metrics are plotted. */
const MAX_PLOTS = 20;

/** Plots the first metrics that a dry run would change, and passes all outcomes on to a report, if there is one. */
export class Preview implements RestoreWatcher {
  readonly #output: Pick<Output, 'width' | 'write'>;
  readonly #color: boolean;
  readonly #report: RestoreWatcher | undefined;
  #shown = 0;

  constructor(output: Pick<Output, 'width' | 'write'>, color: boolean, report: RestoreWatcher | undefined) {
    this.#output = output;
    this.#color = color;
    this.#report = report;
  }

  get plotAbove(): number {
    return this.#shown < MAX_PLOTS ? 0 : (this.#report?.plotAbove ?? Number.POSITIVE_INFINITY);
  }

  async add(outcomes: readonly MetricOutcome[]): Promise<void> {
    for (const outcome of outcomes) {
      const plot = 'changes' in outcome ? outcome.changes?.plot : undefined;
      if (plot) await this.show(outcome.target ?? outcome.metric, plot);
    }
    await this.#report?.add(outcomes);
  }

  async show(metric: string, plot: Plot): Promise<void> {
    if (this.#shown++ >= MAX_PLOTS) return;
    await this.#output.write(previewText(metric, plot, { color: this.#color, width: this.#output.width }));
  }
}
