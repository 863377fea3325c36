import { jsonLine } from '../../../lib/common/printable.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { MetricOutcome } from '../../../lib/operations/restore/outcomes.ts';
import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';
import type { WindowResult } from '../../../lib/workers/tasks/window-result.ts';
import { journalUntil, type ReportedRun, type ReportForm } from './report-form.ts';

/** One JSON object with a line for each metric, which is not kept in memory: there may be millions. */
export class JsonReport implements ReportForm {
  readonly plotAbove: number = Number.POSITIVE_INFINITY;
  #isFirst = true;

  start(): string {
    return '{"version":1,\n"metrics":[';
  }

  add(outcomes: readonly MetricOutcome[]): string {
    return outcomes.map((outcome) => this.#separator() + jsonLine(recordOf(outcome)).trimEnd()).join('');
  }

  end({ program, host, date, ended, options, totals }: ReportedRun, summary: RestoreSummary): string {
    const { command, store, started, dryRun } = summary;
    const run = { command, program, host, store, date, started, ended, dryRun, options };
    return `\n],\n"run":${jsonLine(run).trimEnd()},\n"totals":${jsonLine(totals).trimEnd()},\n"summary":${jsonLine(summary).trimEnd()}}\n`;
  }

  #separator(): string {
    const separator = this.#isFirst ? '\n' : ',\n';
    this.#isFirst = false;
    return separator;
  }
}

function recordOf(outcome: MetricOutcome): object {
  const { metric, target } = outcome;
  const names = { metric, ...(target !== undefined && { target }), outcome: outcome.outcome };
  if ('code' in outcome) return { ...names, code: outcome.code, reason: outcome.reason };
  const { backup, changes, replayed, window } = outcome;
  const { points, newest } = replayed ?? { points: 0, newest: 0 };
  return {
    ...names,
    backup: { time: formatTimestamp(backup.time), key: backup.object.key },
    ...(points > 0 && { journal: { until: journalUntil(newest), points } }),
    changed: outcome.outcome === 'unchanged' ? 0 : (changes?.points ?? null),
    ...(window && { window: windowRecord(window) }),
  };
}

function windowRecord({ filled, replaced, erased, kept, leftSlots }: WindowResult): object {
  return { filled, replaced, erased, kept, slotsLeft: leftSlots };
}
