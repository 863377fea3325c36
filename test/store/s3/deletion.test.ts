import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deletion } from '../../../lib/store/drivers/s3/deletion.ts';
import {
  BucketMissingError,
  DeniedError,
  NotFoundError,
  PermanentError,
  TransientError,
} from '../../../lib/store/errors.ts';
import type { DeleteFailure } from '../../../lib/store/store.ts';

/** Requests that are written down. */
function requests(
  batch: (keys: readonly string[]) => readonly DeleteFailure[] = () => [],
  single: (key: string) => void = () => {},
) {
  const batches: (readonly string[])[] = [];
  const singles: string[] = [];
  return {
    batches,
    singles,
    batch: async (keys: readonly string[]) => {
      batches.push(keys);
      return batch(keys);
    },
    single: async (key: string) => {
      singles.push(key);
      single(key);
    },
  };
}

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`);

describe('deletion', () => {
  it('has 1,000 keys per batch, and a single key by itself', async () => {
    const made = requests();
    assert.deepEqual(await new Deletion(4).delete(keysOf(2001), made), []);
    assert.deepEqual(
      made.batches.map((keys) => keys.length),
      [1000, 1000],
    );
    assert.deepEqual(made.singles, ['k2000']);
    assert.deepEqual(await new Deletion(4).delete([], requests()), []);
  });

  it('is one by one after a batch was refused, without trying batches again', async () => {
    for (const refusal of [new PermanentError('NotImplemented'), new NotFoundError('what?')]) {
      const made = requests(() => {
        throw refusal;
      });
      const deletion = new Deletion(4);
      assert.deepEqual(await deletion.delete(keysOf(1500), made), []);
      assert.deepEqual(made.singles.toSorted(), keysOf(1500).toSorted());
      assert.deepEqual(await deletion.delete(['x', 'y'], made), []);
      assert.equal(made.batches.length, 1);
      assert.deepEqual(made.singles.slice(-2), ['x', 'y']);
    }
  });

  it('is not one by one because of transient errors, credentials, or a missing bucket', async () => {
    for (const error of [new TransientError('busy'), new DeniedError('no'), new BucketMissingError('gone')]) {
      const made = requests(() => {
        throw error;
      });
      await assert.rejects(new Deletion(4).delete(['a', 'b'], made), error);
      assert.deepEqual(made.singles, []);
    }
  });

  it('is a single request for keys that XML cannot represent', async () => {
    const odd = ['\x01', 'a\rb', 'a\nb', 'a\tb', '\uffff', ' lead', 'trail '];
    const made = requests();
    assert.deepEqual(await new Deletion(4).delete(['a', ...odd, 'b c', '😀'], made), []);
    assert.deepEqual(made.batches, [['a', 'b c', '😀']]);
    assert.deepEqual(made.singles.toSorted(), odd.toSorted());
  });

  it('is one by one if the response contains an unknown key', async () => {
    const made = requests(() => [{ key: 'garbled', error: new DeniedError('no') }]);
    const deletion = new Deletion(4);
    assert.deepEqual(await deletion.delete(['a', 'b'], made), []);
    assert.deepEqual(made.singles, ['a', 'b']);
    await deletion.delete(['c', 'd'], made);
    assert.equal(made.batches.length, 2);
  });

  it('reports each key that stays with the reason; missing keys are accepted', async () => {
    const denied = new DeniedError('no');
    const one = requests(() => [{ key: 'b', error: denied }]);
    assert.deepEqual(await new Deletion(4).delete(['a', 'b', ''], one), [
      { key: '', error: new PermanentError('Cannot delete "": the key is empty') },
      { key: 'b', error: denied },
    ]);
    const other = requests(
      () => {
        throw new PermanentError('no batches');
      },
      (key) => {
        if (key === 'a') throw new NotFoundError('absent');
        if (key === 'b') throw denied;
      },
    );
    assert.deepEqual(await new Deletion(4).delete(['a', 'b', 'c'], other), [{ key: 'b', error: denied }]);
  });

  it('does not report an abort or a missing bucket as a failure of a key', async () => {
    for (const error of [new Error('enough'), new BucketMissingError('gone')]) {
      const made = requests(undefined, () => {
        throw error;
      });
      await assert.rejects(new Deletion(4).delete(['a'], made), error);
    }
  });

  it('never exceeds the number of concurrent single deletes', async () => {
    let underWay = 0;
    let most = 0;
    await new Deletion(3).delete(
      keysOf(20).map((key) => `${key} `),
      {
        batch: async () => [],
        single: async () => {
          most = Math.max(most, ++underWay);
          await new Promise((resolve) => setTimeout(resolve, 1));
          underWay--;
        },
      },
    );
    assert.equal(most, 3);
  });
});
