import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diskError, systemCodeOf } from '../../lib/store/drivers/disk/errors.ts';
import { PermanentError, TransientError } from '../../lib/store/errors.ts';

/** As Node gives an error that it has no name for. */
function nodeError(errno: number): Error {
  const code = `Unknown system error ${errno}`;
  return Object.assign(new Error(`${code}: ${code}, write`), { errno, code, syscall: 'write' });
}

/** As Deno does. */
function denoError(errno: number): Error {
  return new Error(`The operating system's words (os error ${errno})`);
}

describe('an error of the disk', () => {
  it('is recognized by its number if the runtime has no name for it: quota exceeded, stale file handle', () => {
    for (const [errno, code, kind] of [
      [122, 'EDQUOT', PermanentError],
      [116, 'ESTALE', TransientError],
      [27, 'EFBIG', PermanentError],
    ] as const) {
      for (const error of [nodeError(-errno), denoError(errno)]) {
        assert.equal(systemCodeOf(error), code);
        const told = diskError(error, 'store "a" on disk:/srv');
        assert.ok(told instanceof kind, `${code}: ${told}`);
        assert.match(told.message, new RegExp(`^Cannot store "a" on disk:/srv: .*\\(${code}\\)$`));
        assert.equal(told.cause, error);
      }
    }
  });

  it('is not an error of the disk if it is another one', () => {
    const abort = new Error('aborted by the caller');
    assert.equal(diskError(abort, 'store'), abort);
    const permanent = new PermanentError('Cannot store: it said (os error 28)');
    assert.equal(diskError(permanent, 'store'), permanent);
    assert.equal(systemCodeOf(permanent), 'PERMANENT');
  });
});
