import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { chartOf } from '../../bench/src/chart.ts';
import { median, tablesOf } from '../../bench/src/figures.ts';
import { reportOf } from '../../bench/src/report.ts';
import { mergeResults, type Results, readResults } from '../../bench/src/results.ts';
import { mergeRuns } from '../../bench/src/rounds.ts';
import { createScratch } from '../fixtures/scratch.ts';

const run = (wall: number, megabytes = 100) => ({ wall, cpu: 2 * wall, memory: megabytes * 1e6 });

/** Ours has half of restic's time and 90 % of its bytes; another one is smaller, and a lower bound is faster. */
const results: Results = {
  format: 1,
  date: '2026-11-22T03:14:15.000Z',
  commit: '0123456789ab',
  machine: { cpu: 'A processor', cores: 2, memory: 2 ** 33, system: 'A system', fileSystem: 'ext4' },
  versions: { Node: '20.19.0', restic: 'restic 0.14.0' },
  rounds: 3,
  took: 600,
  missing: ['borg, lz4: there is no /usr/bin/borg'],
  failures: ['Unchanged, 400 files, round 2 of 3: rclone: exit code 3'],
  contenders: [
    { id: 'ours', title: 'whisper-backup, libdeflate 5', kind: 'ours' },
    { id: 'restic', title: 'restic', kind: 'other' },
    { id: 'tar-gzip', title: 'tar | gzip', kind: 'other' },
    { id: 'find', title: 'find -printf', kind: 'floor' },
  ],
  scenarios: [
    { id: 'first-large', title: 'First backup, 400 files', note: 'About the first.' },
    { id: 'unchanged-large', title: 'Unchanged, 400 files', note: 'About the unchanged.' },
    { id: 'restore-all-large', title: 'Restore all, 400 files', note: 'Of which nothing was measured.' },
  ],
  measurements: [
    { scenario: 'first-large', contender: 'ours', runs: [run(2), run(1.5), run(9)], stored: 90e6 },
    { scenario: 'first-large', contender: 'restic', runs: [run(3), run(5), run(4)], stored: 100e6 },
    { scenario: 'first-large', contender: 'tar-gzip', runs: [run(14, 3), run(15, 3), run(16, 3)], stored: 80e6 },
    { scenario: 'unchanged-large', contender: 'ours', runs: [run(1), run(1)] },
    { scenario: 'unchanged-large', contender: 'restic', runs: [run(0.8), run(0.8)] },
    { scenario: 'unchanged-large', contender: 'find', runs: [{ wall: 0.07, cpu: null, memory: null }] },
  ],
};

describe('the report of the benchmark', () => {
  // Without the padding of the tables.
  const report = reportOf(results).replace(/ {2,}/g, ' ').replace(/-{2,}/g, '-');

  it('shows processor time for each file, and requests, where they were measured', () => {
    const scenario = { id: 's3-30-first', title: 'S3: first backup', note: 'About it.', files: 1000 };
    const runs = [{ ...run(2), requests: 1006 }];
    const network = {
      ...results,
      scenarios: [scenario],
      measurements: [{ scenario: 's3-30-first', contender: 'ours', runs }],
    };
    const text = reportOf(network).replace(/ {2,}/g, ' ').replace(/-{2,}/g, '-');
    assert.ok(
      text.includes(
        [
          '| | wall | processor | per file | memory | requests |',
          '| - | -: | -: | -: | -: | -: |',
          '| **whisper-backup, libdeflate 5** | 2.00 s | 4.00 s | 4.00 ms | 100 MB | 1,006 |',
        ].join('\n'),
      ),
      text,
    );
  });

  it('shows bytes for each point, and a baseline of the scenario itself', () => {
    const scenario = { id: 'journal', title: 'An hour', note: 'About it.', points: 10_000_000, ours: 'tar-gzip' };
    const text = reportOf({
      ...results,
      scenarios: [{ ...scenario, baseline: { contender: 'ours', title: 'without' } }],
      measurements: [
        { scenario: 'journal', contender: 'ours', runs: [run(2)], stored: 90e6 },
        { scenario: 'journal', contender: 'tar-gzip', runs: [run(3)], stored: 60e6 },
      ],
    }).replace(/ {2,}/g, ' ');
    assert.match(text, /\| \| wall \| \/ without \| processor \| memory \| stored \| per point \| \/ without \|/);
    assert.match(text, /\| tar \\\| gzip \| 3\.00 s \| 1\.50 × \| 6\.00 s \| 100 MB \| 60 MB \| 6\.0 B \| 0\.67 × \|/);
    assert.match(text, /\| An hour \| 3\.00 s \|/);
  });

  it('has medians with their spread, relative to restic, fastest first', () => {
    assert.ok(
      report.includes(
        [
          '| | wall | / restic | processor | memory | stored | / restic |',
          '| - | -: | -: | -: | -: | -: | -: |',
          '| **whisper-backup, libdeflate 5** | 2.00 s (1.50 s – 9.00 s) | 0.50 × | 4.00 s | 100 MB | 90 MB | 0.90 × |',
          '| restic | 4.00 s (3.00 s – 5.00 s) | 1.00 × | 8.00 s | 100 MB | 100 MB | 1.00 × |',
          '| tar \\| gzip | 15.0 s (14.0 s – 16.0 s) | 3.75 × | 30.0 s | 3.0 MB | 80 MB | 0.80 × |',
        ].join('\n'),
      ),
      report,
    );
  });

  it('starts with the most important results', () => {
    assert.match(
      report,
      /\| First backup, 400 files \| 2\.00 s \| 4\.00 s \| 0\.50 × \| 90 MB \| 100 MB \| 0\.90 × \|/,
    );
    assert.match(report, /\| Unchanged, 400 files \| 1\.00 s \| 0\.800 s \| 1\.25 × \| – \| – \| – \|/);
  });

  it('names where others are better, without counting the lower bound', () => {
    const wins = report.split('## ').find((section) => section.startsWith('Where others are better')) ?? '';
    assert.ok(wins.includes('| First backup, 400 files | | | tar \\| gzip 0.03 × | tar \\| gzip 0.89 × |'), wins);
    assert.ok(wins.includes('| Unchanged, 400 files | restic 0.80 × | restic 0.80 × | | |'), wins);
    assert.doesNotMatch(wins, /find/);
  });

  it('shows missing and failed results, and no empty table', () => {
    assert.match(report, /borg, lz4: there is no/);
    assert.match(report, /Unchanged, 400 files, round 2 of 3: rclone: exit code 3/);
    assert.doesNotMatch(report, /Restore all/);
    assert.match(report, /\| find -printf \| 0\.070 s \| 0\.09 × \| – \| – \|/);
  });
});

describe('the chart of the benchmark', () => {
  it('shows each contender with its figures, and is deterministic', () => {
    const chart = chartOf(results);
    assert.match(chart, /^<svg .*<\/svg>\n$/s);
    for (const text of ['whisper-backup, libdeflate 5', '2.00 s, 90 MB', '→ 15.0 s, 80 MB', '1.25 (1.00 s)']) {
      assert.ok(chart.includes(text), `${text} is not in the chart`);
    }
    assert.equal(chartOf(results), chart);
  });
});

describe('the figures of the benchmark', () => {
  it('are compared by the median', () => {
    assert.equal(median([9, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 9]), 3);
    assert.deepEqual(
      tablesOf(results)[0]?.rows.map(({ times }) => times.wall),
      [0.5, 1, 3.75],
    );
  });

  it('of all rounds are grouped by scenario and contender', () => {
    const single = (scenario: string, wall: number, stored: number) => ({
      ...{ scenario, contender: 'ours', stored },
      runs: [run(wall)],
    });
    assert.deepEqual(mergeRuns([single('first', 1, 10), single('again', 5, 10), single('first', 2, 11)]), [
      { scenario: 'first', contender: 'ours', stored: 11, runs: [run(1), run(2)] },
      { scenario: 'again', contender: 'ours', stored: 10, runs: [run(5)] },
    ]);
  });

  it('of single scenarios replace those of an earlier run, with their own date and commit', () => {
    const [first, unchanged, restored] = results.scenarios;
    assert.ok(first && unchanged && restored);
    const later: Results = {
      ...results,
      ...{ date: '2026-12-24T00:00:00.000Z', commit: 'ba98', failures: [] },
      scenarios: [{ ...unchanged, note: 'Newer.' }],
      measurements: [{ scenario: unchanged.id, contender: 'ours', runs: [run(7)] }],
    };
    const merged = mergeResults(results, later);
    assert.deepEqual(merged.scenarios, [
      first,
      restored,
      { ...unchanged, note: 'Newer. Measured on 2026-12-24 at commit ba98.' },
    ]);
    assert.deepEqual(merged.measurements, [
      ...results.measurements.filter(({ scenario }) => scenario !== unchanged.id),
      ...later.measurements,
    ]);
    assert.deepEqual([merged.date, merged.commit, merged.failures], [results.date, results.commit, []]);
    assert.match(mergeResults(results, { ...later, load: 7 }).scenarios.at(-1)?.note ?? '', /a load of 7\.0 before/);
  });

  it('are rejected if they are invalid', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('results.json');
    await writeFile(file, JSON.stringify(results));
    assert.deepEqual(await readResults(file), results);
    await writeFile(
      file,
      JSON.stringify({ ...results, measurements: [{ scenario: 'first', contender: 'ours', runs: [] }] }),
    );
    await assert.rejects(readResults(file), /length/i);
  });
});
