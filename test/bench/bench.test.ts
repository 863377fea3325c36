import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx/core';
import { tablesOf } from '../../bench/src/figures.ts';
import { readResults } from '../../bench/src/results.ts';
import { createScratch } from '../fixtures/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The benchmark itself is started on Node; it measures us on both runtimes. */
function bench(args: readonly string[]) {
  return $({ cwd: root, nothrow: true, quiet: true })`node --import ./test/typescript.mjs scripts/bench.ts ${args}`;
}

describe('make bench', () => {
  it('measures, and writes results, report and chart', async () => {
    await using scratch = await createScratch();
    const out = scratch.at('out');
    const sizes = ['--rounds', '1', '--first', '--large-files', '4'];
    const places = ['--out', out, '--work', scratch.at('work')];
    const { exitCode: code, stdout, stderr } = await bench([...sizes, ...places, '--only', 'ours,ours-zst,tar-gzip']);
    assert.equal(code, 0, stderr);
    const results = await readResults(scratch.at('out', 'results.json'));
    assert.deepEqual(results.failures, []);
    const told = Object.fromEntries(
      tablesOf(results).map(({ scenario, rows }) => [scenario.id, rows.map(({ contender }) => contender.id).sort()]),
    );
    assert.deepEqual(told, { 'first-large': ['ours', 'ours-zst', 'tar-gzip'] });
    assert.equal(stdout, await readFile(scratch.at('out', 'report.md'), 'utf8'));
    assert.match(await readFile(scratch.at('out', 'chart.svg'), 'utf8'), /<\/svg>\n$/);
    assert.deepEqual(await readdir(scratch.at('work')), [], 'what it worked with is still there');
  });

  it('rejects an invalid number before it measures anything', async () => {
    await using scratch = await createScratch();
    const { exitCode: code, stderr } = await bench(['--rounds', 'many', '--work', scratch.at('work')]);
    assert.deepEqual(await readdir(scratch.path), []);
    assert.equal(code, 1);
    assert.match(stderr, /--rounds must be a whole number: got "many"/);
  });
});
