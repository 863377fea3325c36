import assert from 'node:assert/strict';
import { stat, symlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { PermanentError } from '../../lib/store/errors.ts';
import { makeDirectories } from '../../lib/system/make-directories.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { within } from '../hostile/deadline.ts';

describe('makeDirectories', () => {
  it('creates all missing directories with their mode, also when called concurrently', async () => {
    await using scratch = await createScratch();
    const path = scratch.at('a', 'b', 'c');
    await Promise.all([1, 2, 3].map(() => makeDirectories(path, 0o700)));
    for (const made of [path, scratch.at('a')]) assert.equal((await stat(made)).mode & 0o7777, 0o700);
    await makeDirectories(path, 0o700);
  });

  it('follows a link to an existing directory', async () => {
    await using scratch = await createScratch();
    await symlink(await scratch.directory('real'), scratch.at('link'));
    await makeDirectories(scratch.at('link', 'below'), 0o755);
    assert.ok((await stat(scratch.at('real', 'below'))).isDirectory());
  });

  it('fails with the reason if a file or dangling link is in the way', async () => {
    await using scratch = await createScratch();
    await writeFile(scratch.at('file'), '');
    await symlink('nowhere', scratch.at('dangling'));
    await symlink('loop', scratch.at('loop'));
    const codes = {
      file: 'NOT_A_DIRECTORY',
      'file/below': 'NOT_A_DIRECTORY',
      dangling: 'DANGLING_LINK',
      'dangling/deep/below': 'DANGLING_LINK',
      'loop/below': 'ELOOP',
    };
    await within(30, async () => {
      for (const [name, code] of Object.entries(codes))
        await assert.rejects(makeDirectories(scratch.at(...name.split('/')), 0o755), { code }, name);
      await assert.rejects(makeDirectories('/proc/nothing/there', 0o755));
    });
  });

  it('lets the disk store report a dangling link', async () => {
    await using scratch = await createScratch();
    await symlink('nowhere', scratch.at('dangling'));
    for (const path of [scratch.at('dangling'), scratch.at('dangling', 'bucket')]) {
      const store = createDiskStore({ path });
      await assert.rejects(
        within(30, () => store.open({ create: true })),
        (error) =>
          error instanceof PermanentError &&
          /Cannot use disk:.*dangling: its target does not exist/.test(error.message),
      );
    }
  });
});
