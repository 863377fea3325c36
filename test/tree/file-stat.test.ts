import assert from 'node:assert/strict';
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileStatOf } from '../../lib/tree/file-stat.ts';
import { createScratch } from '../fixtures/scratch.ts';

describe('fileStatOf', () => {
  it('returns the same values as stat(2), for any time', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('file');
    writeFileSync(file, 'text');
    for (let i = 0; i < 500; i++) {
      const time = 1_795_000_000 + i * 7.123456789;
      utimesSync(file, time, time);
      const { size, mtimeMs, ctimeMs, ino } = statSync(file);
      assert.deepEqual(fileStatOf(statSync(file, { bigint: true })), { size, mtimeMs, ctimeMs, ino });
    }
  });
});
