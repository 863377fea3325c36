import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseYAML } from 'confbox';
import { $ } from 'zx/core';
import { figureTable, nodeOf, type ReportingCommand, reportingCommands } from '../lib/monitoring/figures.ts';
import { plantMetrics } from './fixtures/metric.ts';
import { createScratch, type Scratch } from './fixtures/scratch.ts';
import { type Ended, run } from './scripts/cli/program.ts';
import { type Carbon, startCarbon } from './servers/carbon.ts';
import { freePort } from './servers/free-port.ts';
import { askGraphite, type Query, type Series } from './servers/graphite-web.ts';

const MONITORING = new URL('../ansible/files/monitoring/', import.meta.url);
const DAY = 86_400;
const host = nodeOf(hostname());

interface Alert extends Query {
  readonly uid: string;
  readonly reducer: string;
  readonly evaluator: { readonly type: string; readonly params: readonly number[] };
}

interface Rule {
  readonly uid: string;
  readonly data: readonly [
    { readonly model: { readonly target: string }; readonly relativeTimeRange: { readonly from: number } },
    { readonly model: { readonly reducer: string } },
    { readonly model: { readonly conditions: readonly [Pick<Alert, 'evaluator'>] } },
  ];
}

/** Each target of the dashboard, with its variables at their defaults. */
async function dashboardQueries(): Promise<Query[]> {
  const { panels } = JSON.parse(await readFile(new URL('dashboard.json', MONITORING), 'utf8'));
  return panels.flatMap(({ targets }: { targets: readonly { target: string }[] }) =>
    targets.map(({ target }) => ({
      target: target.replaceAll('$prefix', 'whisper-backup').replaceAll('$host', '*'),
      seconds: 7 * DAY,
    })),
  );
}

async function alerts(): Promise<Alert[]> {
  // The structure that Grafana reads.
  const { groups } = parseYAML<{ groups: { rules: Rule[] }[] }>(
    await readFile(new URL('alerts.yaml', MONITORING), 'utf8'),
  );
  return groups.flatMap(({ rules }) =>
    rules.map(({ uid, data: [query, reduction, threshold] }) => ({
      uid,
      target: query.model.target,
      seconds: query.relativeTimeRange.from,
      reducer: reduction.model.reducer,
      evaluator: threshold.model.conditions[0].evaluator,
    })),
  );
}

/** The names below the prefix in a query; `%` of applyByNode stands for prefix and host. */
function namesIn(target: string): string[] {
  const paths = target.match(/(whisper-backup\.\*|%)\.[\w.*]+/g) ?? [];
  return paths.map((path) => path.replace(/^(whisper-backup\.\*|%)\./, ''));
}

/** Each series for which a rule would fire. */
function firing({ reducer, evaluator: { type, params } }: Alert, series: readonly Series[]): string[] {
  const limit = params[0] ?? Number.NaN;
  const hits = series.filter(({ values }) => {
    const value = reducer === 'sum' ? values.reduce((sum, one) => sum + one, 0) : values.at(-1);
    return value !== undefined && (type === 'gt' ? value > limit : value < limit);
  });
  return hits.map(({ name }) => name);
}

describe('the dashboard and the alert rules', () => {
  const sent = reportingCommands.flatMap((command) =>
    figureTable.filter(({ commands }) => commands.includes(command)).map(({ name }) => `${command}.${name}`),
  );

  it('query figures that runs send, and nothing else', async () => {
    const queries = [...(await dashboardQueries()), ...(await alerts())];
    assert.ok(queries.length > 20);
    for (const { target } of queries) {
      const names = namesIn(target);
      assert.notEqual(names.length, 0, target);
      for (const name of names) {
        const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`);
        assert.ok(
          sent.some((one) => pattern.test(one)),
          `${name} in ${target}`,
        );
      }
    }
  });

  it('watch success, failures, duration, bytes, retries and silence', async () => {
    const watched = new Set((await alerts()).flatMap(({ target }) => namesIn(target)));
    for (const name of ['last_success', 'files.failed', 'seconds', 'bytes.stored', 'retries', 'last_run'])
      assert.ok(watched.has(`backup.${name}`), name);
  });
});

describe('a run that sends figures to carbon', () => {
  let scratch: Scratch;
  let carbon: Carbon;
  const ran = new Map<ReportingCommand, Ended>();

  const program = (...args: readonly string[]): Promise<Ended> =>
    run(['--nolog', '--nolock', '--nostamp', '--prefix', scratch.at('tree'), ...args, 'disk', scratch.path]);
  /** A prune has the name of the bucket. */
  const file = (name: string) => {
    const node = name.startsWith('prune.') ? 'bucket' : host;
    return `${carbon.prefix}/whisper-backup/${node}/${name.replaceAll('.', '/')}.wsp`;
  };

  before(async () => {
    scratch = await createScratch();
    carbon = await startCarbon(await scratch.directory('carbon'), { retentions: '1h:60d' });
    await plantMetrics(scratch.at('tree'), ['a', 'b', 'servers/web01/cpu']);
    const reporting = ['-b', 'bucket', '--json', '--carbon', carbon.address];
    const options: Record<ReportingCommand, readonly string[]> = {
      backup: [],
      journal: [],
      restore: ['--fallback'],
      purge: [],
      verify: ['--read-data', '--compare', '--repair'],
      prune: [],
    };
    for (const command of reportingCommands) {
      if (command === 'restore') await rm(scratch.at('tree', 'b.wsp'));
      ran.set(command, await program(...reporting, ...options[command], command));
    }
  });
  after(async () => {
    await carbon.stop();
    await scratch[Symbol.asyncDispose]();
  });

  it('sends every figure of its summary, which Whisper then stores', async () => {
    for (const [command, { code, stdout, stderr }] of ran) {
      assert.equal(code, 0, stderr);
      const { counts } = JSON.parse(stdout);
      const expected = new Map<string, number>();
      for (const [from, value] of Object.entries<number>(counts)) {
        const figure = figureTable.find((one) => one.from === from && one.commands.includes(command));
        assert.ok(figure, `${command} counts '${from}', which no figure tells`);
        expected.set(`${command}.${figure.name}`, value);
      }
      expected.set(`${command}.exit_code`, 0);
      const stored = await lastValues([...expected.keys()].map(file));
      assert.deepEqual(stored, [...expected.values()], command);
      const [seconds = 0, success = 0, last] = await lastValues(
        ['seconds', 'last_success', 'last_run'].map((name) => file(`${command}.${name}`)),
      );
      assert.ok(seconds > 0 && seconds < 600);
      assert.ok(Math.abs(success - Date.now() / 1000) < 600);
      assert.equal(last, success);
    }
  });

  it('has a result for every query of the dashboard and of the rules in Graphite, and no alert', async () => {
    const rules = await alerts();
    const queries = [...(await dashboardQueries()), ...rules];
    const answers = await askGraphite(carbon.prefix, queries);
    for (const [i, { target }] of queries.entries()) {
      const series = answers[i] ?? [];
      // There were no fallbacks, and two queries divide by a value that may be 0.
      if (!/divideSeries/.test(target))
        assert.ok(
          series.some(({ values }) => values.length > 0),
          target,
        );
    }
    for (const [i, rule] of rules.entries())
      assert.deepEqual(firing(rule, answers[queries.length - rules.length + i] ?? []), [], rule.uid);
  });

  it('lets the rules detect hosts that are late, silent or failed, and distinguish them', async () => {
    const now = Math.floor(Date.now() / 1000);
    const point = (name: string, value: number, age: number) => ({
      metric: `whisper-backup.${name}`,
      value,
      timestamp: now - age,
    });
    await carbon.send([
      point('late.backup.last_success', now - 5 * DAY, 5 * DAY),
      point('late.backup.last_run', now - 5 * DAY, 5 * DAY),
      point('late.journal.last_success', now - DAY / 3, DAY / 3),
      point('broken.backup.last_success', now - 3 * DAY, 3 * DAY),
      point('broken.journal.last_success', now - 600, 600),
      // Its journal was switched off.
      point('off.backup.last_success', now - DAY / 2, DAY / 2),
      point('off.backup.last_run', now - DAY / 2, DAY / 2),
      point('off.journal.last_success', now - 8 * DAY, 8 * DAY),
      point('bucket_late.prune.last_success', now - 3 * DAY, 3 * DAY),
      point('bucket_well.prune.last_success', now - DAY, DAY),
      point('broken.backup.last_run', now - 600, 600),
      point('broken.backup.exit_code', 3, 600),
      point('broken.backup.files.failed', 7, 600),
      point('broken.backup.files.total', 1000, 2 * DAY),
      point('broken.backup.files.total', 100, 600),
      point('broken.backup.bytes.stored', 10, 2 * DAY),
      point('broken.backup.bytes.stored', 10, 1.5 * DAY),
      point('broken.backup.bytes.stored', 9999, 600),
      point('broken.backup.seconds', 50_000, 600),
      point('broken.backup.retries', 101, 600),
      point('broken.verify.backups.damaged', 1, 10 * DAY),
    ]);
    const pathOf = (name: string) => `${carbon.prefix}/whisper-backup/${name}.wsp`;
    const written = ['broken/verify/backups/damaged', 'late/backup/last_success', 'off/journal/last_success'];
    await lastValues(written.map(pathOf));
    await sleep(1500);
    const rules = await alerts();
    const answers = await askGraphite(carbon.prefix, rules);
    const fired = Object.fromEntries(rules.map((rule, i) => [rule.uid, firing(rule, answers[i] ?? []).sort()]));
    assert.deepEqual(fired, {
      'whisper-backup-late': ['broken', 'late'],
      'whisper-backup-silent': ['late'],
      'whisper-backup-journal-late': ['late'],
      'whisper-backup-prune-late': ['bucket_late'],
      'whisper-backup-exit': ['broken.backup'],
      'whisper-backup-failed': ['broken'],
      'whisper-backup-damaged': ['broken'],
      'whisper-backup-slow': ['broken'],
      'whisper-backup-bytes': ['broken'],
      'whisper-backup-tree': ['broken'],
      'whisper-backup-retries': ['broken'],
    });
    // Grafana merges series with the same tags.
    for (const series of answers) {
      assert.equal(new Set(series.map(({ tags }) => JSON.stringify(tags))).size, series.length);
    }
  });

  it('sends its exit code if an error ended it, below the configured prefix', async () => {
    const { code } = await program('--carbon', carbon.address, '--carbon-prefix', 'x.y', '-b', 'none', 'restore');
    assert.equal(code, 10);
    const path = (name: string) => `${carbon.prefix}/x/y/${host}/restore/${name}.wsp`;
    assert.deepEqual(await lastValues([path('exit_code')]), [10]);
    await lastValues([path('last_run'), path('seconds')]);
    assert.equal(existsSync(path('last_success')), false);
  });

  it('sends nothing of a prune of some metrics, and that of a shared bucket with its storage path', async () => {
    const prune = (...args: readonly string[]) =>
      program('--carbon', carbon.address, '--carbon-prefix', 'shared', '-b', 'bucket', ...args, 'prune');
    assert.equal((await prune('-m', 'a')).code, 0);
    assert.equal((await prune('--storage-path', 'web.01')).code, 1);
    await lastValues([`${carbon.prefix}/shared/bucket_web_01/prune/exit_code.wsp`]);
    assert.equal(existsSync(`${carbon.prefix}/shared/bucket`), false);
  });

  it('sends nothing of a dry run', async () => {
    const { code } = await program(
      '-n',
      '--carbon',
      carbon.address,
      '--carbon-prefix',
      'dry',
      '-b',
      'bucket',
      'backup',
    );
    assert.equal(code, 0);
    // What is sent later is there, so this would be, too.
    await program('--carbon', carbon.address, '--carbon-prefix', 'wet', '-b', 'bucket', 'backup');
    await lastValues([`${carbon.prefix}/wet/${host}/backup/exit_code.wsp`]);
    assert.equal(existsSync(`${carbon.prefix}/dry`), false);
  });

  it('has the same exit code if carbon does not listen, with a warning', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await program('--carbon', address, '-b', 'bucket', 'backup');
    assert.equal(code, 0);
    assert.match(
      stderr,
      new RegExp(`^warning: Cannot send the figures of this run to carbon at ${address}: .*ECONNREFUSED`, 'm'),
    );
  });
});

/** The newest values of Whisper files, as Graphite's own library reads them, once carbon wrote them all. */
async function lastValues(files: readonly string[]): Promise<number[]> {
  const until = Date.now() + 60_000;
  while (!files.every((file) => existsSync(file))) {
    assert.ok(Date.now() < until, `carbon did not write ${files.find((file) => !existsSync(file))}`);
    await sleep(50);
  }
  const script = `
import json, sys, time, whisper
def last(file):
    for _ in range(600):
        values = [value for value in whisper.fetch(file, 0)[1] if value is not None]
        if values:
            return values[-1]
        time.sleep(0.1)
print(json.dumps([last(file) for file in sys.argv[1:]]))`;
  const { stdout } = await $({ quiet: true })`/usr/bin/python3 -c ${script} ${files}`;
  return JSON.parse(stdout);
}
