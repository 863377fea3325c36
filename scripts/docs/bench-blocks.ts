import { MarkedBlock } from './marked-block.ts';

const costs = new MarkedBlock(
  '<!-- costs: written by scripts/bench-docs.ts from bench/results.json -->',
  '<!-- end of costs -->',
);

const journal = new MarkedBlock(
  '<!-- journal: written by scripts/bench-docs.ts from bench/results.json -->',
  '<!-- end of journal -->',
);

/** Replaces the costs in the README. @throws RangeError if it has no markers. */
export function withCosts(page: string, text: string): string {
  return costs.replace(page, text);
}

/** Replaces the tables of the journal in docs/performance.md. @throws RangeError if it has no markers. */
export function withJournal(page: string, text: string): string {
  return journal.replace(page, text);
}
