import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from './program.ts';

describe('--as-of', () => {
  const s3 = ['s3', 'us-east-1', 'endpoint=http://127.0.0.1:1'];
  const cases: readonly [string, readonly string[], RegExp][] = [
    [
      'a storage without versions',
      ['list', 'disk', '/nowhere'],
      /--as-of needs versions, which the storage 'disk' does not keep, only s3 and swift: --date restores from/,
    ],
    [
      '--overwrite',
      ['--overwrite', 'restore', ...s3],
      /cannot take the files that would be replaced\. Restore into another --prefix/,
    ],
    [
      'the window of a restore',
      ['--from', '2026-11-20', '--until', '2026-11-21', 'restore', ...s3],
      /--as-of and --from: .*Restore into another --prefix, and fill the window from there/,
    ],
    [
      'another schema',
      ['--retentions', '60:1440', 'restore', ...s3],
      /--as-of and a schema: .*fill new files of the schema from there/,
    ],
    ['--repair', ['--repair', 'verify', ...s3], /--as-of only reads an earlier state/],
    ['the status of this host', ['status', ...s3], /--as-of needs --bucket-records/],
    ['a command that changes the bucket', ['backup', ...s3], /--as-of/],
  ];
  for (const [name, args, message] of cases) {
    it(`is refused with ${name}`, async () => {
      const { code, stderr } = await run(['--as-of', '2026-11-22', '--nolog', '--nolock', '-b', 'bucket', ...args]);
      assert.match(stderr, message);
      assert.equal(code, 2);
    });
  }

  it('is refused if it is not a date in the past', async () => {
    for (const [date, message] of [
      ['yesterday', /--as-of: Cannot parse the date "yesterday"/],
      ['now', /--as-of: Cannot parse the date "now"/],
      ['2199-01-01', /--as-of: 2199-01-01T00:00:00\S* is in the future/],
    ] as const) {
      const { code, stderr } = await run(['--as-of', date, '-b', 'bucket', 'list', ...s3]);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});
