import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextTimer } from '../../../scripts/host/nexttimer.ts';

describe('The next start of the timer', () => {
  it('is read from what systemd writes', async () => {
    assert.deepEqual(await nextTimer(async () => 'Mon 2026-11-23 03:10:07 UTC\n'), new Date('2026-11-23T03:10:07Z'));
  });

  it('is unknown where there is none, and where nobody answers', async () => {
    for (const text of ['', '\n', 'n/a\n', 'Mon 2026-11-23 03:10:07 CET\n', 'infinity']) {
      assert.equal(await nextTimer(async () => text), undefined, text);
    }
    assert.equal(await nextTimer(() => Promise.reject(new Error('no systemd'))), undefined);
  });
});
