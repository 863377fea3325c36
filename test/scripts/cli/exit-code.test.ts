import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, UsageError } from '../../../config/errors.ts';
import {
  codeOf,
  GuardError,
  InvalidOptionError,
  RunLockedError,
  WhisperBackupError,
} from '../../../lib/common/errors.ts';
import { type Summary, Tally } from '../../../lib/common/summary.ts';
import { BucketMissingError, DeniedError, PermanentError, TransientError } from '../../../lib/store/errors.ts';
import { InterruptedError } from '../../../scripts/cli/io/signals.ts';
import { exitCodeOfError, exitCodeOfSummary } from '../../../scripts/cli/run/exit-code.ts';

describe('the exit code', () => {
  const errors: readonly [string, unknown, number][] = [
    ['any error', new Error('x'), 1],
    ['what is no error', 'x', 1],
    ['a guard', new GuardError('OTHER_MACHINE', 'x'), 1],
    ['the disk being full', new PermanentError('x'), 1],
    ['a store that does not answer', new TransientError('x'), 1],
    ['any error of ours', new WhisperBackupError('X', 'x'), 1],
    ['wrong usage', new UsageError('x'), 2],
    ['a wrong configuration', new ConfigError('x'), 2],
    ['a wrong value', new InvalidOptionError('x'), 2],
    ['a bucket that is missing', new BucketMissingError('x'), 10],
    ['a lock that another run holds', new RunLockedError('x'), 11],
    ['credentials that are refused', new DeniedError('x'), 12],
    ['SIGINT', new InterruptedError('SIGINT'), 130],
    ['SIGTERM', new InterruptedError('SIGTERM'), 143],
  ];
  for (const [what, error, code] of errors) {
    it(`is ${code} for ${what}`, () => assert.equal(exitCodeOfError(error), code));
  }

  function summary(fill: (tally: Tally) => void): Summary {
    const tally = new Tally(['metrics', 'failed', 'skipped']);
    fill(tally);
    return tally.finish({ command: 'backup', store: 'disk:/x', dryRun: false });
  }
  const one = { metric: 'a', code: codeOf(undefined), reason: 'x' };

  it('is 0 if everything was done, even if some was skipped', () => {
    assert.equal(exitCodeOfSummary(summary((tally) => tally.skip(one))), 0);
  });

  it('is 3 if some metrics failed', () => {
    assert.equal(exitCodeOfSummary(summary((tally) => tally.fail(one))), 3);
  });

  it('is 4 if verification found damage, whatever else happened', () => {
    const damaged = { ...one, key: 'a/b', instead: null };
    assert.equal(exitCodeOfSummary(summary((tally) => tally.damage(damaged))), 4);
    const worse = summary((tally) => {
      tally.fail(one);
      tally.stop('DISORDER', 'x');
      tally.damage(damaged);
    });
    assert.equal(exitCodeOfSummary(worse), 4);
  });

  it('is 1 if a guard stopped something, whatever else failed', () => {
    const stopped = summary((tally) => {
      tally.fail(one);
      tally.stop('TOO_MANY_GONE', 'x');
    });
    assert.equal(exitCodeOfSummary(stopped), 1);
  });
});
