import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';
import { lockByPython } from '../../fixtures/locker.ts';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { Tmpfs } from '../../fixtures/tmpfs.ts';
import { readTree } from '../../fixtures/tree.ts';
import { run, start } from './program.ts';

interface ReportedMetric {
  readonly metric: string;
  readonly target?: string;
  readonly outcome: string;
  readonly backup?: { readonly time: string; readonly key: string };
  readonly changed?: number | null;
  readonly code?: string;
}

interface Report {
  readonly version: number;
  readonly metrics: readonly ReportedMetric[];
  readonly run: Readonly<Record<string, unknown>>;
  readonly totals: Readonly<Record<string, number>>;
  readonly summary: RestoreSummary;
}

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

describe('restore --report', () => {
  const own = ['--nolog', '--nolock', '--nostamp', '--no-color', '--state-dir', scratch.at('state'), '-b', 'b'];
  const disk = ['disk', `path=${scratch.at('stores')}`];
  const argsOf = (to: string, file: string, ...args: readonly string[]) => [
    ...own,
    '--prefix',
    scratch.at(to),
    '--report',
    file,
    ...args,
    'restore',
    ...disk,
  ];
  const restore = (...args: Parameters<typeof argsOf>) => run(argsOf(...args));
  const read = async (file: string): Promise<Report> => JSON.parse(await readFile(file, 'utf8'));

  before(async () => {
    for (const [i, path] of ['a/x', 'a/<b>&"', 'c'].entries())
      await plantMetric(scratch.at('tree'), path, metricFile(i, { now: Math.floor(Date.now() / 1000) }));
    const { code, stderr } = await run([...own, '--prefix', scratch.at('tree'), '--quiet', 'backup', ...disk]);
    assert.equal(code, 0, stderr);
  });

  it('writes a JSON object with a line for each metric, the run, the totals and the summary', async () => {
    await plantMetric(scratch.at('json'), 'c', metricFile(9, { known: 5 }));
    await writeFile(scratch.at('r.json'), 'old');
    const { code, stderr } = await restore('json', scratch.at('r.json'), '--overwrite', '--rename', 'c=d.e');
    assert.equal(code, 0, stderr);
    const report = await read(scratch.at('r.json'));
    assert.deepEqual(Object.keys(report), ['version', 'metrics', 'run', 'totals', 'summary']);
    assert.equal(report.version, 1);
    assert.deepEqual(
      report.metrics.map(({ metric, target, outcome, changed }) => [metric, target, outcome, changed]),
      [
        ['a.<b>&"', undefined, 'created', 30],
        ['a.x', undefined, 'created', 30],
        ['c', 'd.e', 'created', 30],
      ],
    );
    const { time, key } = report.metrics[0]?.backup ?? { time: 'none', key: 'none' };
    assert.ok(key.startsWith(`a.<b>&"/${time}.`), key);
    assert.deepEqual(Object.keys(report.run), [
      ...['command', 'program', 'host', 'store', 'date', 'started', 'ended', 'dryRun', 'options'],
    ]);
    const { options, store } = report.run;
    assert.deepEqual(
      [store, options],
      [
        `disk:${scratch.at('stores', 'b')}`,
        { prefix: scratch.at('json'), metrics: '*', overwrite: true, rename: ['c=d.e'] },
      ],
    );
    const totals = { created: 3, replaced: 0, filled: 0, unchanged: 0, failed: 0, skipped: 0, noBackup: 0 };
    assert.deepEqual(report.totals, totals);
    assert.equal(report.summary.counts.restored, 3);
    const lines = (await readFile(scratch.at('r.json'), 'utf8')).split('\n');
    assert.equal(lines.filter((line) => line.startsWith('{"metric":')).length, 3);
  });

  it('names in the summary, the JSON and the report what was not restored and why, with the exit code as without', async () => {
    await plantMetric(scratch.at('left'), 'c', new Uint8Array(50));
    const file = scratch.at('left.json');
    const failed = await restore('left', file, '--json');
    assert.equal(failed.code, 3, failed.stderr);
    assert.match(failed.stderr, /^restored: 2 created, 0 unchanged$/m);
    assert.match(failed.stderr, /^not restored: 1 metric: 1 LOCAL_DAMAGED$/m);
    assert.deepEqual(JSON.parse(failed.stdout).notRestored, { LOCAL_DAMAGED: 1 });
    const [, , c] = (await read(file)).metrics;
    assert.deepEqual([c?.metric, c?.outcome, c?.code], ['c', 'failed', 'LOCAL_DAMAGED']);
    const early = await restore('left', file, '--date', '2001-01-01T00:00:00Z');
    assert.equal(early.code, 1);
    assert.match(early.stderr, /^not restored: 3 metrics: 3 without a backup to restore$/m);
    const { totals, run: about, summary } = await read(file);
    assert.deepEqual([totals['noBackup'], about['date']], [3, '2001-01-01T00:00:00.000Z']);
    assert.equal(summary.stopped?.code, 'NOTHING_MATCHED');
  });

  it('writes an HTML page, and in a dry run what would be done', async () => {
    const { code, stderr } = await restore('dry', scratch.at('r.HTML'), '-n');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^would be restored: 3 created, 0 unchanged$/m);
    const page = await readFile(scratch.at('r.HTML'), 'utf8');
    assert.match(page, /A dry run: nothing was written/);
    assert.match(page, /<b>a\.&lt;b&gt;&amp;&quot;<\/b>: created, 30 points changed/);
    assert.equal(page.split('<svg').length - 1, 3);
    await assert.rejects(readTree(scratch.at('dry')), { code: 'ENOENT' });
  });

  it('refuses a name with another ending, and a file that cannot be written, before anything is restored', async () => {
    await mkdir(scratch.at('directory.json'));
    await symlink('/dev/null', scratch.at('null.json'));
    for (const [file, code, message] of [
      [scratch.at('r.txt'), 2, /--report ".*r\.txt": the name must end in \.json or \.html/],
      [scratch.at('r.json/'), 2, /the name must end in \.json or \.html/],
      [
        scratch.at('missing', 'r.json'),
        1,
        /Cannot write the report .*no such file or directory.*: create its directory/,
      ],
      [scratch.at('directory.json'), 1, /Cannot write the report .*it is a directory/],
      [scratch.at('null.json'), 1, /Cannot write the report .*it is not a file/],
    ] as const) {
      const ended = await restore('refused', file);
      assert.deepEqual([ended.code, message.test(ended.stderr)], [code, true], ended.stderr);
    }
    await assert.rejects(readTree(scratch.at('refused')), { code: 'ENOENT' });
  });

  it('keeps the report of before, and leaves no other file, if the restore is stopped or cannot start', async () => {
    await plantMetric(scratch.at('locked'), 'c', metricFile(7, { known: 5 }));
    const directory = await scratch.directory('reports');
    const file = `${directory}/r.json`;
    await writeFile(file, 'old');
    await using lock = await lockByPython(scratch.at('locked/c.wsp'), 'LOCK_EX');
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const started = start(argsOf('locked', file, '--file-lock-timeout', '600'));
      for (let tries = 0; (await readdir(directory)).length < 2; tries++) {
        assert.ok(tries < 6000, 'the report was never begun');
        await sleep(20);
      }
      started.kill(signal);
      await started.ended;
      assert.equal(await readFile(file, 'utf8'), 'old');
      if (signal === 'SIGTERM') assert.deepEqual(await readdir(directory), ['r.json']);
    }
    for (const name of await readdir(directory)) if (name !== 'r.json') await rm(`${directory}/${name}`);
    await lock.release();
    const missing = await run([...argsOf('locked', file), 'bucket=none']);
    assert.notEqual(missing.code, 0);
    assert.deepEqual([await readFile(file, 'utf8'), await readdir(directory)], ['old', ['r.json']]);
  });

  it('says why a restore ended early, if the store failed', async () => {
    let listings = 0;
    const server = createServer((request, response) => {
      // The first one opens the bucket.
      const isDenied = request.url?.includes('list-type=2') === true && ++listings > 1;
      response.writeHead(isDenied ? 403 : 200, { 'content-type': 'application/xml' });
      const listing = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
      response.end(isDenied ? '<Error><Code>AccessDenied</Code></Error>' : listing);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const s3 = ['restore', 's3', `endpoint=http://127.0.0.1:${port}`];
      const file = scratch.at('early.json');
      const args = [...own, '--prefix', scratch.at('early'), '--report', file, ...s3];
      const { code, stderr } = await run(args, { env: { AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 'hidden' } });
      assert.equal(code, 12, stderr);
      const { metrics, summary } = await read(file);
      assert.deepEqual([metrics, summary.stopped?.code], [[], 'DENIED']);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('restores everything on a full disk of the report, which is then missing, with exit code 1', async () => {
    using small = new Tmpfs(scratch.at('small'), 'size=64k');
    await writeFile(small.at('r.json'), 'old');
    small.fill();
    const { code, stderr } = await restore('full', small.at('r.json'));
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Cannot write the report .*no space left/);
    assert.equal((await readTree(scratch.at('full'))).size, 3);
    assert.equal(await readFile(small.at('r.json'), 'utf8'), 'old');
    assert.deepEqual((await readdir(small.path)).toSorted(), ['ballast', 'r.json']);
  });
});
