import { MarkedBlock } from './marked-block.ts';
import type { TestRun } from './test-output.ts';

const block = new MarkedBlock(
  '<!-- figures: written by `make reliability` from the output of the tests; not by hand -->',
  '<!-- /figures -->',
);

/** The text before the first run. */
export const NO_FIGURES = 'No run has been recorded yet.';

/** Date and runtime of a run. */
export interface Occasion {
  readonly date: string;
  readonly runtime: string;
}

/** Formats the figures of a run as Markdown. */
export function figuresOf({ tests, seed, figures }: TestRun, { date, runtime }: Occasion): string {
  const rows = [...figures]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([proof, values]) => {
      const sorted = [...values].filter(([, value]) => value !== 0).map(([name, value]) => textOf(name, value));
      return `- ${proof}: ${sorted.join(', ')}`;
    });
  const random = seed === '' ? '' : `, random tests with \`${seed}\``;
  return [`${date}, ${runtime}: ${tests} tests passed${random}.`, '', ...rows].join('\n');
}

/** Replaces the figures of a page. @throws RangeError if the page has no markers. */
export function withFigures(page: string, figures: string): string {
  return block.replace(page, figures);
}

/** Returns the figures of a page. @throws RangeError if the page has no markers. */
export function figuresIn(page: string): string {
  return block.read(page);
}

/** Formats `backupsSlowestMs` and 12.34 as `backups slowest 12.34 ms`; `cases` and 7 as `cases 7`. */
function textOf(name: string, value: number): string {
  const isDuration = name.endsWith('Ms');
  const words = (isDuration ? name.slice(0, -2) : name).replace(
    /(?<=[a-z])[A-Z](?=[a-z])/g,
    (c) => ` ${c.toLowerCase()}`,
  );
  return `${words} ${value.toLocaleString('en-US')}${isDuration ? ' ms' : ''}`;
}
