import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tablesOf } from '../../scripts/bench/figures.ts';
import { readResults } from '../../scripts/bench/results.ts';
import { createScratch } from '../fixtures/scratch.ts';

/** The benchmark itself is started on Node; it measures us on both runtimes. */
function bench(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const child = spawn('node', ['--import', 'tsx', 'scripts/bench.ts', ...args], { cwd: root });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('make bench', () => {
  it('measures every scenario, and writes figures, report and chart', { timeout: 240_000 }, async () => {
    await using scratch = await createScratch();
    const out = scratch.at('out');
    const sizes = ['--rounds', '1', '--large-files', '4', '--small-files', '10', '--scale', '300'];
    const places = ['--out', out, '--work', scratch.at('work')];
    const { code, stdout, stderr } = await bench([...sizes, ...places, '--only', 'ours,ours-zst,tar-gzip,find']);
    assert.equal(code, 0, stderr);
    const results = await readResults(scratch.at('out', 'results.json'));
    assert.deepEqual(results.failures, []);
    const told = Object.fromEntries(
      tablesOf(results).map(({ scenario, rows }) => [scenario.id, rows.map(({ contender }) => contender.id).sort()]),
    );
    assert.deepEqual(told, {
      'first-large': ['ours', 'ours-zst', 'tar-gzip'],
      'first-small': ['ours'],
      ...Object.fromEntries(
        ['large', 'small'].flatMap((tree) => [
          [`restore-all-${tree}`, ['ours']],
          [`restore-part-${tree}`, ['ours']],
          [`changed-${tree}`, ['ours']],
          [`unchanged-${tree}`, ['find', 'ours']],
        ]),
      ),
      startup: [
        'deno',
        'node',
        'ours-deno--help',
        'ours-deno--version',
        'ours-release--help',
        'ours-release--version',
      ].map((id) => `start-${id}`),
      'scale-300': ['scale-find', 'scale-list', 'scale-purge', 'scale-unchanged', 'scale-verify'],
    });
    assert.equal(stdout, await readFile(scratch.at('out', 'report.md'), 'utf8'));
    assert.match(await readFile(scratch.at('out', 'chart.svg'), 'utf8'), /<\/svg>\n$/);
    assert.deepEqual(await readdir(scratch.at('work')), [], 'what it worked with is still there');
  });

  it('refuses a number that is none, before it measures anything', async () => {
    await using scratch = await createScratch();
    const { code, stderr } = await bench(['--rounds', 'many', '--work', scratch.at('work')]);
    assert.deepEqual(await readdir(scratch.path), []);
    assert.equal(code, 1);
    assert.match(stderr, /--rounds must be a whole number: got "many"/);
  });
});
