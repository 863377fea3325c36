import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import { OPEN_FILES_REMEDY, spareFiles, withFilesRemedy } from '../../lib/system/open-files.ts';

describe('The message of an error', () => {
  for (const code of ['EMFILE: too many open files', 'ENFILE: file table overflow'])
    it(`names the remedy once for ${code}`, () => {
      const message = withFilesRemedy(`${code}, open '/opt/graphite/a.wsp'`);
      assert.equal(message, `${code}, open '/opt/graphite/a.wsp': ${OPEN_FILES_REMEDY}`);
      assert.equal(withFilesRemedy(`backup failed: ${message}`), `backup failed: ${message}`);
    });

  it('stays as it is for other reasons, and for a path with such a name', () => {
    for (const reason of ['ENOENT: no such file', "EACCES: permission denied, open '/data/EMFILES.wsp'"])
      assert.equal(withFilesRemedy(reason), reason);
  });
});

describe('The number of files that this process may still open', () => {
  it('falls with each open file', () => {
    const before = spareFiles();
    assert.ok(before !== undefined && before > 0, String(before));
    const files = Array.from({ length: 10 }, () => openSync('/dev/null', 'r'));
    try {
      assert.ok((spareFiles() ?? before) <= before - 5, `${before}, then ${spareFiles()}`);
    } finally {
      for (const file of files) closeSync(file);
    }
  });
});
