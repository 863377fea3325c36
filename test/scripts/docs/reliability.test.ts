import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { figuresIn, figuresOf, NO_FIGURES, withFigures } from '../../../scripts/docs/reliability-block.ts';
import { readTestOutput } from '../../../scripts/docs/test-output.ts';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/reliability.md', root), 'utf8');

const OUTPUT = `TAP version 13
# Random tests: TEST_SEED=7 TEST_RUNS=0.5
# Subtest: a writer
    # Subtest: writes
    ok 1 - writes
    # reliability {"writer":{"files":40,"aloneSlowestMs":1.5}}
ok 1 - a writer
ℹ reliability {"writer":{"files":2,"aloneSlowestMs":0.5,"none":0},"kills":{"backup":{"disk":1200}},"details":{"x":1}}
# tests 2
# pass 2
# fail 0
`;

const OCCASION = { date: '2026-11-22', runtime: 'Node 20.19.0' };

const FIGURES = `2026-11-22, Node 20.19.0: 2 tests passed, random tests with \`TEST_SEED=7 TEST_RUNS=0.5\`.

- kills: backup disk 1,200
- writer: files 42, alone slowest 1.5 ms`;

describe('the figures of docs/reliability.md', () => {
  it('are sums of the results of tests, with the longest of durations', () => {
    assert.equal(figuresOf(readTestOutput(OUTPUT), OCCASION), FIGURES);
  });

  it('are not used from a run that failed, was truncated, or had no results', () => {
    assert.throws(() => readTestOutput(OUTPUT.replace('pass 2', 'pass 1')), /Only 1 of 2 tests passed/);
    assert.throws(() => readTestOutput(OUTPUT.slice(0, OUTPUT.indexOf('# tests'))), /not the complete output/);
    assert.throws(() => readTestOutput('# tests 1\n# pass 1\n'), /No test reported figures/);
  });

  it('replace the old ones, and nothing else', () => {
    const once = withFigures(page, FIGURES);
    assert.equal(figuresIn(once), FIGURES);
    assert.equal(withFigures(once, figuresIn(page)), page);
    assert.throws(() => withFigures('no place', FIGURES), /does not have the markers/);
  });

  it('are in the page in the form of the script', () => {
    const figures = figuresIn(page);
    if (figures === NO_FIGURES) return;
    const [first, empty, ...rows] = figures.split('\n');
    assert.match(
      first ?? '',
      /^\d{4}-\d\d-\d\d, Node [\d.]+: \d+ tests passed, random tests with `TEST_SEED=\S+ TEST_RUNS=\S+`\.$/,
    );
    assert.equal(empty, '');
    for (const row of rows) assert.match(row, /^- [a-z-]+: .*\d/);
    assert.ok(rows.length > 0);
  });
});

describe('docs/reliability.md', () => {
  it('names existing tests for every promise', () => {
    const part = page.slice(page.indexOf('## What is promised'), page.indexOf('How some of them work'));
    const promises = part.split(/^- /m).slice(1);
    assert.ok(promises.length > 10);
    for (const promise of promises) {
      const files = [...promise.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file ?? '');
      assert.ok(files.length > 0, promise);
      for (const file of files) assert.ok(existsSync(new URL(file, root)), `${file}, of ${promise}`);
    }
  });
});
