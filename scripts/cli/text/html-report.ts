import type { MetricOutcome } from '../../../lib/operations/restore/outcomes.ts';
import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';
import type { Changes, Plot } from '../../../lib/whisper/changes.ts';
import { escapeHtml, htmlTable } from './html.ts';
import { plotSvg } from './plot-svg.ts';
import type { ReportedRun, ReportForm, Totals } from './report-form.ts';
import { isWindow, usedLines, windowLines } from './restore.ts';

const MAX_PLOTS = 20;
const MAX_ROWS = 500;
const MAX_NOTES = 100;

interface Plotted {
  readonly name: string;
  readonly outcome: string;
  readonly points: number;
  readonly plot: Plot;
}

/** A page without scripts and without anything from elsewhere. Its size does not depend on the number of metrics. */
export class HtmlReport implements ReportForm {
  /** The metrics with the most changes, in this order. */
  #plotted: readonly Plotted[] = [];
  readonly #noBackup: string[][] = [];

  get plotAbove(): number {
    return this.#plotted.length < MAX_PLOTS ? 0 : (this.#plotted.at(-1)?.points ?? 0);
  }

  start(): string {
    return '';
  }

  add(outcomes: readonly MetricOutcome[]): string {
    const more: Plotted[] = [];
    for (const one of outcomes) {
      if (one.outcome === 'noBackup' && this.#noBackup.length < MAX_ROWS)
        this.#noBackup.push([nameOf(one), one.code, one.reason]);
      const changes: Changes | undefined = 'changes' in one ? one.changes : undefined;
      if ('code' in one || !changes?.plot) continue;
      const outcome = one.window ? 'changed in the window' : one.outcome;
      more.push({ name: nameOf(one), outcome, points: changes.points, plot: changes.plot });
    }
    if (more.length > 0)
      this.#plotted = [...this.#plotted, ...more].toSorted((a, b) => b.points - a.points).slice(0, MAX_PLOTS);
    return '';
  }

  end(run: ReportedRun, summary: RestoreSummary): string {
    const title = `Restore of ${summary.store} on ${run.host}`;
    return [
      HEAD.replace('TITLE', () => escapeHtml(title)),
      `<h1>${escapeHtml(title)}</h1>\n`,
      summary.dryRun ? '<p class="dry">A dry run: nothing was written. This is what a restore would do.</p>\n' : '',
      summary.stopped ? `<p class="dry">${escapeHtml(summary.stopped.message)}</p>\n` : '',
      htmlTable([], aboutRows(run, summary)),
      '<h2>What was restored</h2>\n',
      htmlTable(['', 'metrics'], totalRows(run.totals, summary)),
      ...[...usedLines(summary), ...windowLines(summary)].map((line) => `<p>${escapeHtml(line)}</p>\n`),
      this.#leftSection(summary),
      section('Notes', summary.notes.map(rowOf), { most: MAX_NOTES, all: summary.notes.length }),
      this.#plots(),
      '</body>\n</html>\n',
    ].join('');
  }

  #leftSection({ counts, failed, skipped, stopped }: RestoreSummary): string {
    const all = (counts.failed ?? 0) + (counts.skipped ?? 0) + (counts.noBackup ?? 0);
    if (all === 0) return stopped ? '' : '<h2>What was not restored</h2>\n<p>Nothing was left out.</p>\n';
    const rows = [...[...failed, ...skipped].slice(0, MAX_ROWS).map(rowOf), ...this.#noBackup];
    return section('What was not restored, or not completely', rows, { most: MAX_ROWS, all });
  }

  #plots(): string {
    if (this.#plotted.length === 0) return '';
    const figures = this.#plotted.map(
      ({ name, outcome, points, plot }) =>
        `<figure><figcaption><b>${escapeHtml(name)}</b>: ${outcome}, ${points} points changed; ` +
        `plotted: one point per ${plot.step} s</figcaption>${plotSvg(plot)}</figure>\n`,
    );
    const legend = '<p><span class="before">thin: before</span>, <span class="after">wide: after</span></p>\n';
    return `<h2>The metrics that changed most</h2>\n${legend}${figures.join('')}`;
  }
}

function nameOf({ metric, target }: Pick<MetricOutcome, 'metric' | 'target'>): string {
  return target === undefined ? metric : `${metric} -> ${target}`;
}

function rowOf(named: Pick<MetricOutcome, 'metric' | 'target'> & { readonly code: string; readonly reason: string }) {
  return [nameOf(named), named.code, named.reason];
}

function section(
  title: string,
  rows: readonly (readonly string[])[],
  { most, all }: { readonly most: number; readonly all: number },
): string {
  if (rows.length === 0) return '';
  const shown = rows.slice(0, most);
  const more = all > shown.length ? `<p>and ${all - shown.length} more: see a report in JSON</p>\n` : '';
  return `<h2>${title}</h2>\n${htmlTable(['metric', 'code', 'reason'], shown)}${more}`;
}

function aboutRows(
  { program, date, ended, options }: ReportedRun,
  { started, seconds, hold }: RestoreSummary,
): string[][] {
  const given = Object.entries(options).map(([name, value]) => `${name}: ${[value].flat().join(', ')}`);
  return [
    ['before', date ?? 'the newest backups'],
    ['started', started],
    ['ended', `${ended}, after ${seconds.toFixed(1)} s`],
    ['program', program],
    ['options', given.join('; ')],
    ...(hold === undefined ? [] : [['state before', `stored under the hold ${hold}`]]),
  ];
}

const WORDS: Readonly<Record<keyof Totals, string>> = {
  created: 'created',
  replaced: 'replaced',
  filled: 'gaps filled',
  unchanged: 'unchanged',
  failed: 'failed',
  skipped: 'skipped',
  noBackup: 'without a backup to restore',
};

/** What the summary of a window calls them. */
const WINDOW_WORDS: Partial<typeof WORDS> = { filled: 'changed in the window' };

function totalRows(totals: Totals, summary: RestoreSummary): string[][] {
  const words = isWindow(summary) ? { ...WORDS, ...WINDOW_WORDS } : WORDS;
  return Object.entries(words).map(([name, text]) => [text, String(totals[name as keyof Totals])]);
}

const HEAD = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>TITLE</title>
<style>
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { border-bottom: 1px solid #ddd; padding: .2em .8em .2em 0; text-align: left; overflow-wrap: anywhere; vertical-align: top }
figure { margin: 1.5em 0 } svg { width: 100% } rect { fill: #f6f6f6 } text { font-size: 11px }
path { fill: none; stroke-linecap: round } path.after { stroke: #3a9; stroke-width: 4 } path.before { stroke: #222; stroke-width: 1 }
.after { color: #276 } .dry { font-weight: bold }
</style>
</head>
<body>
`;
