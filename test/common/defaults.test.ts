import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { withDefaults } from '../../lib/common/defaults.ts';

interface Options {
  readonly processes?: number;
  readonly storagePath?: string;
  readonly flock?: boolean;
  readonly exclude?: readonly string[];
  readonly signal?: AbortSignal;
}

describe('withDefaults', () => {
  it('keeps options that are 0, empty or false', () => {
    const { processes, storagePath, flock } = withDefaults<Options>({ processes: 0, storagePath: '', flock: false });
    assert.deepEqual([processes, storagePath, flock], [0, '', false]);
  });

  it('applies the default to options that are undefined', () => {
    const names = ['processes', 'storagePath', 'flock', 'exclude', 'signal'];
    const given: Options = Object.fromEntries(names.map((name) => [name, undefined]));
    const { processes, storagePath, flock, exclude, signal } = withDefaults(given);
    assert.deepEqual([processes, storagePath, flock, exclude, signal.aborted], [4, '', true, [], false]);
  });

  it('creates a signal with no limit of listeners', async () => {
    const warnings: Error[] = [];
    const keep = (warning: Error) => warnings.push(warning);
    process.on('warning', keep);
    try {
      const { signal } = withDefaults<Options>({});
      for (let i = 0; i < 20; i++) signal.addEventListener('abort', () => {});
      await turn();
      assert.deepEqual(warnings, []);
    } finally {
      process.off('warning', keep);
    }
  });
});
