import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf } from '../../lib/common/errors.ts';
import { formatRunRecord, type NewRunRecord, parseRunRecord, RunRecordError } from '../../lib/monitoring/run-record.ts';

const record: NewRunRecord = {
  program: '1.0.0',
  host: 'web01',
  machine: 'abc',
  command: 'backup',
  started: '2026-11-22T03:14:15.000Z',
  finished: '2026-11-22T03:14:20.500Z',
  seconds: 5.5,
  exitCode: 3,
  interval: 86_400,
};

const named = Array.from({ length: 2000 }, (_, i) => ({ metric: `m${i}`, code: codeOf(undefined), reason: 'because' }));
const summary = {
  command: 'backup' as const,
  store: 'disk:/srv',
  started: '2026-11-22T03:14:15.000Z',
  seconds: 5.5,
  dryRun: false,
  counts: { metrics: 5000, failed: 2000 },
  failed: named,
  skipped: [],
  notes: named,
};

describe('The record of a run', () => {
  it('is read as it was written, with the figures of its summary', () => {
    const back = parseRunRecord(formatRunRecord({ ...record, summary }), 'here');
    const { store, seconds, counts } = summary;
    assert.deepEqual(back, { version: 1, ...record, summary: { store, seconds, counts } });
    const ended = { ...record, error: 'Interrupted by SIGTERM' };
    assert.deepEqual(parseRunRecord(formatRunRecord(ended), 'here'), { version: 1, ...ended });
  });

  it('is one line, with up to a thousand names of each kind and the counts of all', () => {
    const text = formatRunRecord({ ...record, summary });
    assert.equal(text.indexOf('\n'), text.length - 1);
    const kept = JSON.parse(text).summary;
    assert.deepEqual([kept.failed.length, kept.notes.length, kept.counts.failed], [1000, 1000, 2000]);
    assert.equal(kept.dryRun, false);
  });

  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['another version', { version: 2 }, /'version'/],
    ['a time that is none', { finished: 'yesterday' }, /'finished'/],
    ['a command that leaves none', { command: 'list' }, /'command'/],
    ['an exit code that is text', { exitCode: '0' }, /'exitCode'/],
    ['an interval of nothing', { interval: 0 }, /'interval'/],
    [
      'counts that are no numbers',
      { summary: { ...summary, counts: { metrics: null } } },
      /'summary\.counts\.metrics'/,
    ],
  ];
  for (const [what, change, message] of wrong) {
    it(`is rejected with ${what}`, () => {
      const text = JSON.stringify({ version: 1, ...record, ...Object(change) });
      assert.throws(
        () => parseRunRecord(text, 'runs/x.json'),
        (error) =>
          error instanceof RunRecordError && message.test(error.message) && /runs\/x\.json/.test(error.message),
      );
    });
  }

  it('is rejected if it is truncated, or not a JSON object', () => {
    const text = formatRunRecord({ ...record, summary });
    for (const one of ['', text.slice(0, -20), 'null', '[]', '"x"', '{"__proto__":{}}']) {
      assert.throws(() => parseRunRecord(one, 'here'), RunRecordError, one.slice(0, 20));
    }
  });
});
