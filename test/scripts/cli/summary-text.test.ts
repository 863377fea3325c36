import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Count } from '../../../lib/common/codes.ts';
import { Tally } from '../../../lib/common/summary.ts';
import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';
import type { WindowOptions } from '../../../lib/operations/restore/restored-window.ts';
import { createLog, type LogSink } from '../../../scripts/cli/io/log.ts';
import { windowAdvice } from '../../../scripts/cli/text/restore.ts';
import { headline, logSummary } from '../../../scripts/cli/text/summary.ts';

function keep(): LogSink & { lines: string[] } {
  const lines: string[] = [];
  return { lines, write: (level, line) => lines.push(`${level} ${line}`) };
}

describe('the summary for people', () => {
  it('names the first twenty that failed, and all of them in the log file', () => {
    const tally = new Tally(['metrics', 'failed']);
    for (let i = 0; i < 25; i++) tally.fail({ metric: `m${i}\n`, code: 'REPLACED', reason: 'broken' });
    const [terminal, file] = [keep(), keep()];
    const log = createLog(terminal, { debug: false });
    log.add(file);
    logSummary(tally.finish({ command: 'backup', store: 'disk:/x', dryRun: false }), log);
    assert.equal(terminal.lines.filter((line) => line.startsWith('warn failed: m')).length, 20);
    assert.ok(terminal.lines.includes('warn failed: and 5 more: see the log file or --json'));
    assert.equal(file.lines.filter((line) => line.startsWith('warn failed: m')).length, 25);
    assert.ok(file.lines.includes('warn failed: m24\\x0a: broken'));
  });

  it('lists all failures if there is no log file, or it can no longer be written', () => {
    const tally = new Tally(['metrics', 'failed']);
    for (let i = 0; i < 25; i++) tally.fail({ metric: `m${i}`, code: 'REPLACED', reason: 'broken' });
    for (let i = 0; i < 25; i++) tally.note({ metric: `n${i}`, code: 'ODD', reason: 'odd' });
    const summary = tally.finish({ command: 'backup', store: 'disk:/x', dryRun: false });
    const broken: LogSink = {
      write() {
        throw new Error('no space left');
      },
    };
    for (const sinks of [[], [broken]]) {
      const terminal = keep();
      const log = createLog(terminal, { debug: false });
      for (const sink of sinks) log.add(sink);
      log.info('a line that shows whether the file can be written');
      logSummary(summary, log);
      assert.equal(terminal.lines.filter((line) => line.startsWith('warn failed: m')).length, 25);
      assert.ok(!terminal.lines.some((line) => line.startsWith('warn failed: and')));
      assert.equal(terminal.lines.filter((line) => line.startsWith('info note: n')).length, 20);
      assert.ok(terminal.lines.includes('info note: and 5 more: see --json'));
    }
  });

  it('ends with the figures in one line', () => {
    const tally = new Tally(['metrics', 'bytesStored']);
    tally.add('metrics', 12);
    tally.add('bytesStored', 2048);
    const summary = { ...tally.finish({ command: 'backup', store: 'disk:/x', dryRun: true }), seconds: 1.26 };
    assert.equal(
      headline(summary),
      'backup of disk:/x (dry run, nothing was written) in 1.3 s: metrics 12, bytes stored 2 KiB',
    );
  });

  it('has what was restored, from when, and what not, in five lines or less', () => {
    const about = {
      command: 'restore',
      store: 'disk:/x',
      started: '',
      seconds: 1,
      failed: [],
      skipped: [],
      notes: [],
    } as const;
    const textOf = (more: Partial<RestoreSummary>): string[] => {
      const terminal = keep();
      logSummary(
        { ...about, dryRun: false, counts: {}, ...more } as RestoreSummary,
        createLog(terminal, { debug: false }),
      );
      return terminal.lines.slice(0, -1);
    };
    const counts = { restored: 12, replaced: 2, backfilled: 3, pointsFilled: 40, unchanged: 1, pointsReplayed: 9 };
    assert.deepEqual(
      textOf({
        counts: { ...counts, journalLinesLeft: 4, metrics: 20 },
        backups: { oldest: '2026-11-01', newest: '2026-11-02' },
        reached: '2026-11-03',
        notRestored: { GONE: 1, LOCAL_DAMAGED: 2, NO_BACKUP: 5 },
      }),
      [
        'info backups used: oldest 2026-11-01, newest 2026-11-02',
        'info journal: 9 points, up to 2026-11-03',
        'info restored: 10 created, 2 replaced, 3 filled (40 points), 1 unchanged',
        'info lines of the journal that were left out: 4',
        'info not restored: 8 metrics: 5 without a backup to restore, 2 LOCAL_DAMAGED, 1 no longer in the local tree at that date',
      ],
    );
    assert.deepEqual(textOf({ dryRun: true, counts: { restored: 1 } }), [
      'info would be restored: 1 created, 0 unchanged',
    ]);
  });

  it('reports a stop by a guard as an error, also with --quiet', () => {
    const tally = new Tally([]);
    tally.stop('TOO_MANY_GONE', 'Purge stopped: too much would go');
    const terminal = keep();
    const summary = tally.finish({ command: 'purge', store: 'disk:/x', dryRun: false });
    logSummary(summary, createLog(terminal, { debug: false }));
    assert.ok(terminal.lines.includes('error Purge stopped: too much would go'));
  });
});

describe('the advice after the restore of a window', () => {
  const from = new Date('2026-11-22T14:00:00Z');
  const adviceOn = (
    counts: Partial<Record<Count, number>>,
    { used, ...how }: Partial<WindowOptions> & { used?: Date; date?: Date; dryRun?: boolean } = {},
  ) => {
    const tally = new Tally([]);
    for (const [name, count] of Object.entries(counts)) tally.add(name as Count, count);
    if (used) tally.use(used);
    const summary = tally.finish({ command: 'restore', store: 's', dryRun: how.dryRun ?? false });
    return windowAdvice(summary, { from, until: from, ...how }, how.date).join('\n');
  };

  it('names --date if data was used that may have the bad points, and none was given', () => {
    const used = new Date('2026-11-22T14:00:01Z');
    assert.match(adviceOn({}, { used }), /may have the bad points: use --date/);
    assert.equal(adviceOn({}, { used, date: from }), '');
    assert.equal(adviceOn({}, { used: new Date('2026-11-22T13:59:59Z') }), '');
  });

  it('names --erase for points that were kept, and a backup after a change', () => {
    assert.match(adviceOn({ pointsKept: 7 }), /^7 points .*--erase/);
    assert.equal(adviceOn({ pointsKept: 7 }, { erase: true }), '');
    for (const count of ['pointsFilled', 'pointsReplaced', 'pointsErased'] as const) {
      assert.match(adviceOn({ [count]: 1 }), /^Run a backup now/);
      assert.equal(adviceOn({ [count]: 1 }, { dryRun: true }), '');
    }
  });
});
