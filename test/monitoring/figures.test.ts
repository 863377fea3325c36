import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { type FinishedRun, figureTable, nodeOf, pointsOf, reportingCommands } from '../../lib/monitoring/figures.ts';
import { withFigureDocs } from '../../scripts/docs/figure-table.ts';

const run: FinishedRun = {
  host: 'web01.example.org',
  command: 'backup',
  finished: '2026-11-22T03:14:15.900Z',
  seconds: 12.5,
  exitCode: 0,
  summary: { counts: { metrics: 3, stored: 2, failed: 0, bytesStored: 4096 } },
};

function namesAndValues(finished: FinishedRun): Record<string, number> {
  return Object.fromEntries(pointsOf(finished, 'p').map(({ metric, value }) => [metric, value]));
}

describe('the figures of a run', () => {
  it('are below the prefix, the host with _ for dots, and the command', () => {
    assert.deepEqual(namesAndValues(run), {
      'p.web01_example_org.backup.last_success': 1795317255,
      'p.web01_example_org.backup.last_run': 1795317255,
      'p.web01_example_org.backup.exit_code': 0,
      'p.web01_example_org.backup.seconds': 12.5,
      'p.web01_example_org.backup.files.total': 3,
      'p.web01_example_org.backup.files.stored': 2,
      'p.web01_example_org.backup.files.failed': 0,
      'p.web01_example_org.backup.bytes.stored': 4096,
    });
  });

  it('have no success after a failure, and no counts if the run did not end normally', () => {
    const { summary, ...rest } = run;
    assert.equal(summary?.counts['metrics'], 3);
    assert.deepEqual(namesAndValues({ ...rest, exitCode: 10 }), {
      'p.web01_example_org.backup.last_run': 1795317255,
      'p.web01_example_org.backup.exit_code': 10,
      'p.web01_example_org.backup.seconds': 12.5,
    });
  });

  it('have the time when the run ended, in whole seconds', () => {
    assert.deepEqual(new Set(pointsOf(run, 'p').map(({ timestamp }) => timestamp)), new Set([1795317255]));
  });

  it('have names that carbon accepts, each once, and none that is the directory of another', () => {
    const names = figureTable.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) {
      assert.match(name, /^[a-z_\d]+(\.[a-z_\d]+)?$/);
      assert.ok(!names.some((other) => other.startsWith(`${name}.`)), name);
    }
    assert.ok(figureTable.every(({ commands }) => commands.every((one) => reportingCommands.includes(one))));
  });

  it('have one node for any host name', () => {
    assert.equal(nodeOf('a.b/c d\né'), 'a_b_c_d__');
    assert.equal(nodeOf(''), '_');
  });

  it('are in the documentation as in the table: node --import tsx scripts/figure-docs.ts', async () => {
    const page = await readFile(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
    assert.equal(page, withFigureDocs(page));
  });
});
