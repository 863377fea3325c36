import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../../../config/errors.ts';
import { parseArgv } from '../../../scripts/cli/argv.ts';

describe('the arguments of the command line', () => {
  const same: readonly [string[], Record<string, string[]>, string[]][] = [
    [['--bucket', '007', 'backup', 'swift'], { bucket: ['007'] }, ['backup', 'swift']],
    [['--bucket=1e5', 'backup'], { bucket: ['1e5'] }, ['backup']],
    [['-b', '0x10', 'backup'], { bucket: ['0x10'] }, ['backup']],
    [['-b007', 'backup'], { bucket: ['007'] }, ['backup']],
    [['--bucket=', 'backup'], { bucket: [''] }, ['backup']],
    [['--bucket', 'foo', '--quiet', 'backup', 'swift'], { bucket: ['foo'], quiet: ['true'] }, ['backup', 'swift']],
    [['backup', 'swift', '--quiet', '-r', '5'], { quiet: ['true'], retention: ['5'] }, ['backup', 'swift']],
    [['-x', '-1', 'purge', 'disk'], { purge: ['-1'] }, ['purge', 'disk']],
    [['purge', '--purge', '-1', 'disk'], { purge: ['-1'] }, ['purge', 'disk']],
    [['--purge=-1', 'purge'], { purge: ['-1'] }, ['purge']],
    [['-nq', 'backup'], { noop: ['true'], quiet: ['true'] }, ['backup']],
    [['-nqb', '5', 'backup'], { noop: ['true'], quiet: ['true'], bucket: ['5'] }, ['backup']],
    [['--dry-run', 'backup'], { noop: ['true'] }, ['backup']],
    [['--noop=false', 'backup'], { noop: ['false'] }, ['backup']],
    [['--exclude', 'a', 'backup', '--exclude=b', '--exclude', '-7*'], { exclude: ['a', 'b', '-7*'] }, ['backup']],
    [['--date', '2026-01-01', 'restore'], { date: ['2026-01-01'] }, ['restore']],
    [['--no-flock', 'backup'], { noFlock: ['true'] }, ['backup']],
    [['--nolog', '--nolock', 'backup'], { nolog: ['true'], nolock: ['true'] }, ['backup']],
    [['verify', '--read-data', 'disk', '/srv'], { readData: ['true'] }, ['verify', 'disk', '/srv']],
    [['--read-data=1/7', 'verify', 'disk'], { readData: ['1/7'] }, ['verify', 'disk']],
    [['--read-data=', 'verify'], { readData: [''] }, ['verify']],
    [['--storage-path', '', 'list'], { storagePath: [''] }, ['list']],
    [
      ['backup', 's3', 'region=us-west-2', 'endpoint=http://h:1/?a=b'],
      {},
      ['backup', 's3', 'region=us-west-2', 'endpoint=http://h:1/?a=b'],
    ],
    [['backup', 'disk', '007', '1e5'], {}, ['backup', 'disk', '007', '1e5']],
    [['fill', '--', '-a.wsp', '--b.wsp'], {}, ['fill', '-a.wsp', '--b.wsp']],
    [['-m', '*', 'list'], { metrics: ['*'] }, ['list']],
    [['--ret', '5', '--buck=b', '--noo', 'backup'], { retention: ['5'], bucket: ['b'], noop: ['true'] }, ['backup']],
    // Clear in the Python tool, though options came since that begin alike.
    [
      ['--re', '5', '--b', 'x', '--pur', '7', '--a', 'gz'],
      { retention: ['5'], bucket: ['x'], purge: ['7'], algorithm: ['gz'] },
      [],
    ],
    [['--over', 'restore'], { overwrite: ['true'] }, ['restore']],
    [['--metrics', '--x', 'list'], { metrics: ['--x'] }, ['list']],
    [['fill', '--', '--ret'], {}, ['fill', '--ret']],
    [['--bucket=a', '--bucket=b', 'list'], { bucket: ['a', 'b'] }, ['list']],
  ];
  for (const [argv, values, words] of same) {
    it(`stay unchanged: ${argv.join(' ')}`, () => {
      const typed = parseArgv(argv);
      assert.deepEqual(typed.values, values);
      assert.deepEqual(typed.words, words);
    });
  }

  const refused: readonly [string[], RegExp][] = [
    [['--buckt', 'x', 'backup'], /^Unknown option --buckt; did you mean --bucket\?$/],
    [['--buckt=x', 'backup'], /did you mean --bucket\?$/],
    [['--retension', '5'], /did you mean --retention\?$/],
    [['--no', 'backup'], /^Ambiguous option --no: it may be --no-flock, .*--nolog, .*type more of the name$/],
    [['-z', 'backup'], /^Unknown option -z/],
    [['-nz', 'backup'], /^Unknown option -z/],
    [['--no-bucket', 'backup'], /^Unknown option --no-bucket/],
    [['--__proto__=x', 'backup'], /^Unknown option --__proto__/],
    [['--constructor', 'backup'], /^Unknown option --constructor/],
    [['backup', '--bucket'], /^--bucket needs a value$/],
    [['backup', '-b'], /^-b needs a value$/],
    [['--bucket', '--quiet', 'backup'], /^--bucket needs a value, but an option follows; .* write --bucket=--quiet$/],
    [['-b', '-q', 'backup'], /^-b needs a value, but an option follows/],
    [['--quiet=loud', 'backup'], /^--quiet must be true or false: got "loud"$/],
  ];
  for (const [argv, message] of refused) {
    it(`are rejected with a remedy: ${argv.join(' ')}`, () => {
      assert.throws(
        () => parseArgv(argv),
        (error) => {
          assert.ok(error instanceof UsageError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
