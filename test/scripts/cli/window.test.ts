import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { UsageError } from '../../../config/errors.ts';
import { updateMany } from '../../../lib/whisper/update.ts';
import { Preview } from '../../../scripts/cli/run/preview.ts';
import { windowOf } from '../../../scripts/cli/run/window.ts';
import { previewText } from '../../../scripts/cli/text/preview.ts';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { run } from './program.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

describe('a window on the command line', () => {
  const own = ['--nolog', '--nolock', '--nostamp', '--no-cache', '--no-color', '--state-dir', scratch.at('state')];
  const disk = ['disk', `path=${scratch.at('stores')}`];
  const now = Math.floor(Date.now() / 60_000) * 60;
  const iso = (minutesAgo: number) => new Date((now - minutesAgo * 60) * 1000).toISOString();
  const good = metricFile(1, { now });
  const bad = good.slice();
  const [tree, file] = [scratch.at('tree'), scratch.at('tree', 'a.wsp')];
  const restore = (...args: readonly string[]) =>
    run([...own, '-b', 'b', '--prefix', tree, ...args, 'restore', ...disk]);

  before(async () => {
    updateMany(
      bad,
      [20, 10].map((ago) => ({ timestamp: now - ago * 60, value: 1e6 })),
      { now },
    );
    await plantMetric(tree, 'a', good);
    const { code, stderr } = await run([...own, '-b', 'b', '--prefix', tree, '-q', 'backup', ...disk]);
    assert.equal(code, 0, stderr);
    await plantMetric(tree, 'a', bad);
  });

  it('is previewed with -n and restored without, with the exact times in the log and the figures in --json', async () => {
    const window = ['--from', iso(25), '--until', iso(15).replace('Z', ''), '--erase'];
    const dry = await restore('-n', '--json', ...window);
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stderr, /Window from \S+ to before \S+ \(a date without a time zone is UTC\); erases points/);
    assert.match(dry.stderr, /a: would be backfilled \(0 points filled, 1 replaced, 0 erased, 0 kept\)/);
    const figures = [{ metric: 'a', filled: 0, replaced: 1, erased: 0, kept: 0, left: [] }];
    assert.deepEqual(JSON.parse(dry.stdout).windows, figures);
    assert.deepEqual(new Uint8Array(await readFile(file)), bad);
    const { code, stdout, stderr } = await restore('--json', ...window);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).windows, figures);
    assert.match(stderr, /restore it with --date \S+ --from \S+ --until \S+ --erase;/);
    const expected = good.slice();
    updateMany(expected, [{ timestamp: now - 600, value: 1e6 }], { now });
    assert.deepEqual(new Uint8Array(await readFile(file)), expected);
  });

  it('restores from another file with fill', async () => {
    const [source, destination] = [scratch.at('source.wsp'), scratch.at('destination.wsp')];
    await plantMetric(scratch.at('.'), 'source', good);
    await plantMetric(scratch.at('.'), 'destination', bad);
    const { code, stdout, stderr } = await run([
      ...['--nolog', '--no-color', '--json', 'fill', source, destination],
      ...['--from', iso(25), '--until', 'now'],
    ]);
    assert.equal(code, 0, stderr);
    const { counts, windows } = JSON.parse(stdout);
    assert.equal(counts.pointsReplaced, 2);
    assert.equal(windows[0].metric, destination);
    assert.deepEqual(new Uint8Array(await readFile(destination)), good);
  });

  it('is refused with exit code 2 if files would be replaced', async () => {
    const { code, stderr } = await restore('--from', iso(15), '--until', iso(5), '--overwrite');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot restore a window with --overwrite/);
  });

  it('needs both ends, which may be dates in any form of --date', () => {
    const windowFor = (options: Readonly<Record<string, string>>) => windowOf({ option: (name) => options[name] });
    assert.equal(windowFor({}), undefined);
    assert.deepEqual(windowFor({ from: '2026-11-22', until: '2026-11-22 01:00:00+01:00', erase: 'true' }), {
      from: new Date('2026-11-22T00:00:00Z'),
      until: new Date('2026-11-22T00:00:00Z'),
      erase: true,
    });
    for (const [options, message] of [
      [{ from: iso(5) }, /needs both --from and --until: --until is missing/],
      [{ until: iso(5) }, /--from is missing/],
      [{ until: 'now' }, /--from is missing/],
      [{ erase: 'true' }, /--from is missing/],
      [{ from: 'now', until: iso(5) }, /--from must be a date/],
    ] as const)
      assert.throws(
        () => windowFor(options),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    assert.throws(() => windowFor({ from: 'yesterday', until: iso(5) }), /Cannot parse the date "yesterday"/);
  });
});

describe('the preview of a window', () => {
  const band = (values: readonly number[]) => ({ low: Float64Array.from(values), high: Float64Array.from(values) });
  const gap = Number.NaN;
  const plot = { step: 60, from: 0, width: 60, before: band([0, gap, 7, 7, 0]), after: band([0, gap, 0, 3.5, 0]) };

  it('draws the values before and after as bars of one scale, with spaces for gaps', () => {
    const text = previewText('a', plot, { color: false, width: 80 });
    assert.deepEqual(text.split('\n'), [
      'a: 1970-01-01T00:00:00+00:00 to 1970-01-01T00:05:00+00:00, points of 1 min, 0 to 7',
      '  before ▁ ██▁',
      '  after  ▁ ▁▅▁',
      '',
    ]);
  });

  it('reports if there are no points, and fits the terminal', () => {
    const empty = { ...plot, before: band([gap]), after: band([gap]) };
    assert.match(previewText('b', empty, { color: false, width: 80 }), /^b: .*, no points\n/);
    const long = { ...plot, before: band(Array<number>(240).fill(1)), after: band(Array<number>(240).fill(2)) };
    const [, before = '', after = ''] = previewText('a', long, { color: false, width: 40 }).split('\n');
    assert.equal(before.length, after.length);
    assert.ok(before.length > 30 && before.length <= 40, before);
  });

  it('plots the first metrics that change, and passes all on to the report', async () => {
    const written: string[] = [];
    const reported: unknown[] = [];
    const report = { plotAbove: 7, add: (outcomes: readonly unknown[]) => void reported.push(...outcomes) };
    const output = { width: 80, write: async (text: string) => void written.push(text) };
    const preview = new Preview(output, false, report);
    const backup = {} as never;
    const outcomes = Array.from({ length: 30 }, (_, i) => {
      return { metric: `m${i}`, outcome: 'filled', backup, changes: { points: 1, plot } } as const;
    });
    assert.equal(preview.plotAbove, 0);
    await preview.add([{ metric: 'same', outcome: 'unchanged', backup }, ...outcomes]);
    assert.deepEqual([written.length, preview.plotAbove, reported.length], [20, 7, 31]);
    assert.match(written[0] ?? '', /^m0: /);
  });
});
