import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { costTable } from '../../bench/src/costs.ts';
import { journalTables } from '../../bench/src/report.ts';
import { type Results, readResults } from '../../bench/src/results.ts';
import { withCosts, withJournal } from '../../scripts/docs/bench-blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const published = await readResults(join(root, 'bench/results.json'));

/** 100 KB for a backup of a metric; 300 bytes for an hour of its journal, and five parts for 10,000 metrics. */
const results: Results = {
  ...published,
  scenarios: [
    { id: 'first-large', title: 'First backup, 1,000 files of 991 KB', note: '' },
    { id: 'journal', title: 'An hour of new points, 10,000 files of 17 KB', note: '', points: 600_000 },
  ],
  measurements: [
    { scenario: 'first-large', contender: 'ours', runs: [{ wall: 1, cpu: 1, memory: 1 }], stored: 100e6 },
    { scenario: 'journal', contender: 'journal', runs: [{ wall: 1, cpu: 1, memory: 1, requests: 6 }], stored: 3e6 },
  ],
};

describe('the costs of schedules', () => {
  const cells = costTable(results)
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );

  it('are computed from what the benchmark measured', () => {
    // A night has 100,000 PUT and two listings of 500,000 objects: 30.3 a month in millionths of what follows.
    assert.deepEqual(cells[2], ['backup every night', '1 day', '3.03 million', '300 GB', '50 GB', '$16']);
    // 720 runs of 51 objects, of which 192 are kept: a listing has 510 pages.
    const hourly = 30 * (100_000 + 2 * 510) + 720 * (51 + 510);
    assert.deepEqual(cells[3]?.slice(2), [`${(hourly / 1e6).toFixed(2)} million`, '322 GB', '56 GB', '$18']);
    // 2,880 runs of 14 objects, of which 768 are kept.
    const weekly = (30 / 7) * (100_000 + 2 * 511) + 2880 * (14 + 511);
    assert.deepEqual(cells[4]?.slice(2), [`${(weekly / 1e6).toFixed(2)} million`, '64 GB', '56 GB', '$11']);
  });

  it('are an error if something was not measured', () => {
    assert.throws(
      () => costTable({ ...results, measurements: [] }),
      /has not measured 'ours' in the scenario 'first-large'/,
    );
  });
});

describe('the figures of the benchmark in the documents', () => {
  it('are as in bench/results.json: node --import tsx scripts/bench-docs.ts', async () => {
    const [readme, performance] = await Promise.all(
      ['README.md', 'docs/performance.md'].map((name) => readFile(join(root, name), 'utf8')),
    );
    assert.ok(readme !== undefined && performance !== undefined);
    assert.equal(readme, withCosts(readme, costTable(published)));
    assert.equal(performance, withJournal(performance, journalTables(published)));
  });
});
