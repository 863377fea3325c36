import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../../../config/errors.ts';
import { readArguments } from '../../../config/storage/arguments.ts';
import { checkStorage } from '../../../config/storage/storage.ts';

describe('the storage', () => {
  const refused: readonly [string | undefined, RegExp][] = [
    [undefined, /^No storage: give one after the command, or in the configuration \(disk, s3, swift, noop\)$/],
    ['dsik', /^No storage 'dsik'; did you mean 'disk'\?$/],
    ['Swift', /did you mean 'swift'\?$/],
    ['gcs', /use s3 with endpoint=/],
  ];
  for (const [name, message] of refused) {
    it(`is rejected if it is ${name}`, () => {
      assert.throws(
        () => checkStorage(name),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('is accepted if it is known', () => {
    assert.equal(checkStorage('disk'), 'disk');
    assert.equal(checkStorage('s3'), 's3');
    assert.equal(checkStorage('swift'), 'swift');
    assert.equal(checkStorage('noop'), 'noop');
  });

  it('accepts arguments by name or by position', () => {
    assert.deepEqual(readArguments('x', ['a', 'second=b=c'], ['first', 'second']), { first: 'a', second: 'b=c' });
    assert.deepEqual(readArguments('x', ['/srv/with=equals'], ['path']), { path: '/srv/with=equals' });
    assert.deepEqual(readArguments('x', ['007'], ['path']), { path: '007' });
  });

  const wrong: readonly [string[], RegExp][] = [
    [['pth=/srv'], /has no argument 'pth'; did you mean 'path'\?/],
    [['/srv', 'hunter2'], /has no argument number 2$/],
    [['secret=hunter2'], /has no argument 'secret'/],
    [['/srv', 'path=/srv'], /takes its argument 'path' only once/],
    [['path='], /needs a value for its argument 'path'/],
  ];
  for (const [given, message] of wrong) {
    it(`rejects ${given.join(' ')}, and prints no value`, () => {
      assert.throws(
        () => readArguments('disk', given, ['path']),
        (error) => {
          assert.ok(error instanceof UsageError);
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    });
  }
});
