import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { HostStatus } from '../../../lib/monitoring/host-status.ts';
import { fleetTable } from '../../../scripts/fleet/fleet-table.ts';
import { isRed, readHostReports } from '../../../scripts/fleet/host-report.ts';
import { startScript } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';

const well: HostStatus = {
  host: 'web01.example.org',
  program: '1.0.0',
  bucket: 's3:graphite.web01',
  lastSuccess: '2026-11-22T03:14:20.000Z',
  ageSeconds: 30_000,
  rpoSeconds: 30_000,
  lastRun: { command: 'backup', finished: '2026-11-22T03:14:20.000Z', exitCode: 0 },
  prune: null,
  running: null,
  metrics: 142_910,
  stored: 1200,
  unchanged: 141_710,
  failed: 0,
  bytes: 5 * 1024 * 1024,
  seconds: 83,
  nextTimer: '2026-11-23T03:10:00.000Z',
  lastTrigger: '2026-11-22T03:10:00.000Z',
  lockWrites: true,
  source: 'host',
  state: 'ok',
  problems: [],
};
const failed: HostStatus = {
  ...well,
  state: 'failed',
  lockWrites: false,
  problems: ['the last full backup ended with exit code 10: no \x1b[2J bucket', 'the timer is disabled'],
};

const { bucket: _bucket, running: _running, lastTrigger: _trigger, problems: _problems, ...older } = well;

/** Gathers these, one file a host, and runs the script on them. */
async function fleet(
  reports: Readonly<Record<string, unknown>>,
  { options = [] }: { readonly options?: readonly string[] } = {},
  prunes: Readonly<Record<string, unknown>> = {},
) {
  await using scratch = await createScratch();
  const directory = await scratch.directory('status');
  await scratch.directory('status', 'prune');
  for (const [place, files] of Object.entries({ '.': reports, prune: prunes }))
    for (const [name, report] of Object.entries(files)) {
      const text = typeof report === 'string' ? report : JSON.stringify(report);
      await writeFile(`${directory}/${place}/${name}.json`, text);
    }
  const child = startScript(new URL('../../../scripts/fleet-status.ts', import.meta.url), [directory, ...options]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

describe('The status of a fleet', () => {
  it('is a table of hosts by their names in the inventory, and exits with 0 if all are ok', async () => {
    const { code, stdout, stderr } = await fleet({ web02: well, web01: well });
    assert.deepEqual([code, stderr], [0, '']);
    const rows = stdout.split('\n').filter((line) => line.startsWith('│'));
    const cells = rows.map((row) =>
      row
        .split('│')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
    assert.deepEqual(
      cells.map(([name]) => name),
      ['host', 'web01', 'web02'],
    );
    assert.deepEqual(cells[1]?.slice(1), [
      'ok',
      '2026-11-22 03:14 UTC',
      '8 h',
      '142910',
      '1200',
      '0',
      '5 MiB',
      '83 s',
      '2026-11-23 03:10 UTC',
      'on',
      '1.0.0',
    ]);
    assert.match(stdout, /^2 hosts, all healthy$/m);
    assert.ok(!stdout.includes('\x1b'), 'there is no terminal');
  });

  it('exits with 1 if one host is late, failed, unknown, dead, or has no status, with the reason', async () => {
    const unreachable = { host: 'web05', unreachable: true, error: 'No route to host' };
    const reds: Readonly<Record<string, [unknown, RegExp]>> = {
      late: [{ ...well, state: 'late', problems: ['it is 2 d old'] }, /^web02: it is 2 d old$/m],
      lastFailed: [failed, /^web02: the last full backup .* 10: no \\x1b\[2J bucket; the timer is disabled$/m],
      unknown: [{ ...well, state: 'unknown', problems: ['no success'] }, /^web02: no success$/m],
      off: [{ ...well, state: 'off', problems: ['the timer is disabled'] }, /^web02: the timer is disabled$/m],
      'late by an older release': [{ ...older, state: 'late' }, /^web02: late, last success 8 h ago$/m],
      dead: [
        { ...well, source: 'bucket' },
        /^web02: does not respond; according to its bucket: ok, last success 8 h ago$/m,
      ],
      unreachable: [unreachable, /^web02: No route to host$/m],
      failed: [{ host: 'web02', failed: true, error: 'No such file' }, /^web02: No such file$/m],
      cut: ['{"host":', /^web02: cannot read .*web02\.json/m],
      other: [{ host: 'web02' }, /^web02: .*web02\.json is not a valid status: 'program'/m],
    };
    for (const [what, [report, reason]] of Object.entries(reds)) {
      const { code, stdout } = await fleet({ web01: well, web02: report });
      assert.equal(code, 1, what);
      assert.match(stdout, reason);
      assert.match(stdout, /^2 hosts, 1 red$/m);
    }
  });

  it('is JSON on request, with the problems', async () => {
    const { code, stdout } = await fleet({ web01: well, web02: { unreachable: true } }, { options: ['--json'] });
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout), [
      { name: 'web01', red: false, ...well },
      { name: 'web02', red: true, unreachable: 'no answer' },
    ]);
  });

  it('has a row for an expected host without a status, and one for a host without the program', async () => {
    const without = { host: 'web02', failed: true, error: 'No such file' };
    const { code, stdout } = await fleet({ web01: well, web02: without }, { options: ['web01', 'web02', 'web03'] });
    assert.equal(code, 1);
    assert.match(stdout, /│ web02 +│ no status /);
    assert.match(stdout, /^web03: no status was collected$/m);
    assert.match(stdout, /^3 hosts, 2 red$/m);
  });

  describe('with a host whose bucket another host prunes', () => {
    const day = 86_400;
    const seconds = Date.now() / 1000;
    const hoursAgo = (hours: number) => new Date((seconds - hours * 3600) * 1000).toISOString();
    const last = { exitCode: 0, retired: 3, purged: 0, deleted: 3, contradictions: 0 };
    const report = { timer: true, since: Math.floor(seconds) - 30 * day, interval: day };
    const pruned = (finished: string, more: object = {}) => ({
      ...report,
      status: { ...well, prune: { ...last, finished, ...more } },
    });
    const cell = (stdout: string, name: string) =>
      stdout
        .split('\n')
        .find((line) => line.startsWith(`│ ${name} `))
        ?.split('│')
        .at(-2)
        ?.trim();

    it('has the age of the last prune, and a dash for hosts that delete by themselves', async () => {
      const { code, stdout } = await fleet({ web01: well, web02: well }, {}, { web02: pruned(hoursAgo(30)) });
      assert.equal(code, 0);
      assert.deepEqual([cell(stdout, 'host'), cell(stdout, 'web01'), cell(stdout, 'web02')], ['pruned', '-', '30 h']);
      assert.match(stdout, /^2 hosts, all healthy$/m);
    });

    it('reports a prune that failed, is late, or cannot be read, without making the host red', async () => {
      const error = 'Prune stopped, nothing was deleted';
      const never = { ...report, status: well };
      const states: Readonly<Record<string, [unknown, string, RegExp | undefined]>> = {
        failed: [
          pruned(hoursAgo(5), { exitCode: 1, error }),
          'FAILED',
          /^web02: its last prune, 5 h ago, ended with exit code 1: Prune stopped, nothing was deleted$/m,
        ],
        late: [pruned(hoursAgo(50)), 'LATE', /^web02: its prune is late: the last one was 2 d ago$/m],
        'late by hand alone': [{ ...pruned(hoursAgo(50)), timer: false }, '2 d', undefined],
        never: [never, 'LATE', /^web02: its prune is late: none is on record$/m],
        'never since yesterday': [{ ...never, since: Math.floor(seconds) - day }, 'never', undefined],
        unknown: [
          { error: 'No route to host' },
          'unknown',
          /^web02: how its bucket was pruned is unknown: No route to/m,
        ],
        cut: ['{"timer":', 'unknown', /^web02: how its bucket was pruned is unknown: cannot read .*web02\.json/m],
      };
      for (const [what, [state, text, problem]] of Object.entries(states)) {
        const { code, stdout } = await fleet({ web02: well }, {}, { web02: state });
        assert.equal(code, 0, what);
        assert.equal(cell(stdout, 'web02'), text, what);
        if (problem) assert.match(stdout, problem);
        else assert.doesNotMatch(stdout, /^web02:/m, what);
      }
    });

    it('has its last prune and the problem in JSON, even if the host does not respond', async () => {
      const dead = { unreachable: true, error: 'No route to host' };
      const late = pruned(hoursAgo(50));
      const { stdout } = await fleet({ web01: well, web02: dead }, { options: ['--json'] }, { web02: late });
      const [first, second] = JSON.parse(stdout);
      assert.deepEqual([first.prune, 'pruneProblem' in first], [null, false]);
      assert.deepEqual(second, {
        name: 'web02',
        red: true,
        unreachable: 'No route to host',
        prune: late.status.prune,
        pruneProblem: 'its prune is late: the last one was 2 d ago',
      });
    });

    it('has the prunes of a host that deletes by itself, too', async () => {
      const { stdout } = await fleet({ web01: { ...well, prune: { ...last, finished: hoursAgo(3) } } });
      assert.equal(cell(stdout, 'web01'), '3 h');
    });
  });

  it('exits with 2 if there are no statuses', async () => {
    const { code, stderr } = await fleet({});
    assert.equal(code, 2);
    assert.match(stderr, /^No status in /);
  });

  it('is red on a terminal only in rows of hosts with problems', async () => {
    await using scratch = await createScratch();
    await writeFile(scratch.at('web01.json'), JSON.stringify(well));
    await writeFile(scratch.at('web02.json'), JSON.stringify(failed));
    const reports = await readHostReports(scratch.at('.'));
    assert.deepEqual(reports.map(isRed), [false, true]);
    const lines = fleetTable(reports, { color: true, now: new Date() }).split('\n');
    assert.deepEqual(
      lines.filter((line) => line.includes('\x1b[31m')).map((line) => line.includes('web02')),
      [true, true],
    );
    // Colours take no room: the frame stays straight.
    const bare = lines.map((line) => line.replace(/\x1b\[\d+m/g, ''));
    assert.deepEqual(bare, fleetTable(reports, { color: false, now: new Date() }).split('\n'));
  });
});
