import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { syncfs } from '../../lib/system/syncfs.ts';

describe('syncfs', () => {
  it('syncs the file system of a descriptor', async () => {
    const descriptor = fs.openSync(tmpdir(), fs.constants.O_RDONLY);
    try {
      await syncfs(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });

  it('reports the error of the operating system by name', async () => {
    await assert.rejects(syncfs(-1), { code: 'EBADF' });
  });
});
