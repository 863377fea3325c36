import assert from 'node:assert/strict';
import { cp, readFile, rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { UsageError } from '../../../config/errors.ts';
import { updateMany } from '../../../lib/whisper/update.ts';
import { Preview } from '../../../scripts/cli/run/preview.ts';
import { windowOf } from '../../../scripts/cli/run/window.ts';
import { previewText } from '../../../scripts/cli/text/preview.ts';
import { splitWords } from '../../../scripts/fleet/words.ts';
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
    assert.match(
      dry.stderr,
      /a: would be changed in the window \(0 points filled, 1 replaced, 0 erased, 0 kept, in all archives\)/,
    );
    const figures = [{ metric: 'a', filled: 0, replaced: 1, erased: 0, kept: 0, left: [] }];
    assert.deepEqual(JSON.parse(dry.stdout).windows, figures);
    assert.deepEqual(new Uint8Array(await readFile(file)), bad);
    const report = scratch.at('report.json');
    const { code, stdout, stderr } = await restore('--json', '--report', report, ...window);
    assert.equal(code, 0, stderr);
    const { metrics, run: about } = JSON.parse(await readFile(report, 'utf8'));
    assert.deepEqual(metrics[0].window, { filled: 0, replaced: 1, erased: 0, kept: 0, slotsLeft: 0 });
    assert.deepEqual([about.options.from, about.options.erase], [window[1], true]);
    assert.deepEqual(JSON.parse(stdout).windows, figures);
    assert.match(stderr, /to undo it: whisper-backup .* --date \S+ --from \S+ --until \S+ --erase restore disk /);
    assert.match(stderr, /Run a backup now/);
    assert.doesNotMatch(dry.stderr, /The hold|Run a backup/);
    assert.equal(JSON.parse(dry.stdout).hold, undefined);
    const expected = good.slice();
    updateMany(expected, [{ timestamp: now - 600, value: 1e6 }], { now });
    assert.deepEqual(new Uint8Array(await readFile(file)), expected);
  });

  it('is undone by the command that it prints, which changes no other metric and no point of another time', async () => {
    const [metrics, elsewhere] = [["it's", 'new', 'z z'], scratch.at('own tree')];
    const place = ['-b', 'own', '--prefix', elsewhere];
    const at = (metric: string) => scratch.at('own tree', `${metric}.wsp`);
    const plant = async (names: readonly string[], bytes: Uint8Array) => {
      for (const name of names) await plantMetric(elsewhere, name, bytes);
    };
    const good = metricFile(1, { now });
    const backUp = async () => {
      const { code, stderr } = await run([...own, ...place, '-q', '--create', 'backup', ...disk]);
      assert.equal(code, 0, stderr);
    };
    await plant(["it's", 'z z'], good);
    await backUp();
    const date = new Date().toISOString();
    // A backup at this date is not taken.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await plant(['new'], good);
    await backUp();
    // No backup has these points, which are inside the window.
    const later = good.slice();
    updateMany(later, [{ timestamp: now - 60, value: 7 }], { now });
    await plant(metrics, later);
    const window = ['--from', iso(25), '--until', iso(0), '--erase'];
    const first = await run([...own, ...place, '-m', "*'*", '--date', date, ...window, 'restore', ...disk]);
    assert.equal(first.code, 0, first.stderr);
    assert.notDeepEqual(new Uint8Array(await readFile(at("it's"))), later);
    const [, command = ''] = /to undo it: whisper-backup (.*?); when/.exec(first.stderr) ?? assert.fail(first.stderr);
    const undo = splitWords(command, 'the command');
    assert.deepEqual(undo.slice(undo.indexOf('-m'), undo.indexOf('--date')), ['-m', "*'*"]);
    const undone = await run([...own, ...undo]);
    assert.equal(undone.code, 0, undone.stderr);
    for (const metric of metrics) assert.deepEqual(new Uint8Array(await readFile(at(metric))), later, metric);
    // Nor does it with a glob that also matches others, of which one had no backup at the date.
    const all = undo.map((word) => (word === "*'*" ? '*' : word));
    const { code, stdout, stderr } = await run([...own, '--json', ...all]);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).counts.metrics, 1);
    for (const metric of metrics) assert.deepEqual(new Uint8Array(await readFile(at(metric))), later, metric);
  });

  it('is refused in a bucket that is not marked as that of this host, where the state before cannot be stored', async () => {
    await cp(scratch.at('stores', 'b'), scratch.at('stores', 'unmarked'), { recursive: true });
    await rm(scratch.at('stores', 'unmarked', '.whisper-backup'), { recursive: true });
    const before = await readFile(file);
    const args = [
      '-b',
      'unmarked',
      '--prefix',
      tree,
      '--from',
      iso(25),
      '--until',
      'now',
      '--erase',
      'restore',
      ...disk,
    ];
    const { code, stderr } = await run([...own, ...args]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Cannot restore a window: the state before cannot be stored: .*Run a backup/);
    assert.deepEqual(await readFile(file), before);
    const dry = await run([...own, '-n', ...args]);
    assert.equal(dry.code, 1, dry.stderr);
    assert.match(dry.stderr, /a: would be changed in the window/);
    assert.match(dry.stderr, /error: .*Cannot restore a window: .*Run a backup/);
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
    assert.throws(
      () => windowFor({ from: 'yesterday', until: iso(5) }),
      /^InvalidOptionError: --from: Cannot parse the date "yesterday"/,
    );
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
