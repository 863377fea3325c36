import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCompressor, gzipEngines, readingEngines } from '../../../lib/compress/engine.ts';
import { otherEngine } from '../../../lib/operations/verify/reading.ts';

describe('the engine that verifies', () => {
  it('is another one than the one that writes gzip on this host', async () => {
    assert.notEqual(otherEngine('gz'), (await createCompressor()).engine);
    for (const engine of gzipEngines()) {
      assert.notEqual(otherEngine('gz', engine), engine);
      assert.ok(readingEngines('gz').some((name) => name === otherEngine('gz', engine)));
    }
  });

  it('shares no code with the engine that writes Zstandard', () => {
    assert.equal(otherEngine('zst'), 'fzstd');
  });

  it('is the only one for Snappy', () => {
    assert.equal(otherEngine('sz'), 'snappyjs');
  });
});
