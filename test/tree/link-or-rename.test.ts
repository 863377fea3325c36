import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { renameNew } from '../../lib/system/rename-new.ts';
import { linkOrRename, type Naming, replaceKeepingOld } from '../../lib/tree/link-or-rename.ts';
import { createScratch } from '../fixtures/scratch.ts';

function refusing(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`${code}: refused`), { code });
  };
}

/** File systems by their capabilities. */
const NAMINGS: Record<string, Naming | undefined> = {
  'with hard links': undefined,
  'without hard links': { link: refusing('EPERM'), renameNew },
  'without hard links, in FUSE': { link: refusing('ENOSYS'), renameNew },
  'without hard links or renames that do not replace': { link: refusing('EPERM'), renameNew: refusing('EINVAL') },
};

for (const [name, naming] of Object.entries(NAMINGS)) {
  describe(`on a file system ${name}`, () => {
    it('linkOrRename gives a file a new name', async () => {
      await using scratch = await createScratch();
      await writeFile(scratch.at('temporary'), 'whole');
      linkOrRename(scratch.at('temporary'), scratch.at('file'), naming);
      assert.equal(await readFile(scratch.at('file'), 'utf8'), 'whole');
      assert.deepEqual(await readdir(scratch.path), naming ? ['file'] : ['file', 'temporary']);
    });

    it('linkOrRename never replaces a file', async () => {
      await using scratch = await createScratch();
      await writeFile(scratch.at('temporary'), 'whole');
      await writeFile(scratch.at('file'), 'there');
      assert.throws(() => linkOrRename(scratch.at('temporary'), scratch.at('file'), naming), { code: 'EEXIST' });
      assert.equal(await readFile(scratch.at('file'), 'utf8'), 'there');
      assert.deepEqual(await readdir(scratch.path), ['file', 'temporary']);
    });

    it('replaceKeepingOld replaces a file and keeps it', async () => {
      await using scratch = await createScratch();
      await writeFile(scratch.at('temporary'), 'new');
      await writeFile(scratch.at('file'), 'old');
      replaceKeepingOld(scratch.at('temporary'), scratch.at('file'), scratch.at('aside'), naming);
      assert.equal(await readFile(scratch.at('file'), 'utf8'), 'new');
      assert.equal(await readFile(scratch.at('aside'), 'utf8'), 'old');
      assert.deepEqual(await readdir(scratch.path), ['aside', 'file']);
    });

    it('replaceKeepingOld leaves a file in place that it cannot replace', async () => {
      await using scratch = await createScratch();
      await mkdir(scratch.at('directory'));
      await writeFile(scratch.at('file'), 'old');
      const [from, to, aside] = [scratch.at('nothing'), scratch.at('file'), scratch.at('aside')];
      assert.throws(() => replaceKeepingOld(from, to, aside, naming), { code: 'ENOENT' });
      assert.deepEqual(await readdir(scratch.path), ['directory', 'file']);
      assert.equal(await readFile(scratch.at('file'), 'utf8'), 'old');
    });
  });
}

describe('linkOrRename', () => {
  it('reports an error if neither a link nor a rename is permitted', () => {
    const naming = { link: refusing('EPERM'), renameNew: refusing('EPERM') };
    assert.throws(() => linkOrRename('from', 'to', naming), { code: 'EPERM' });
    assert.throws(() => linkOrRename('from', 'to', { ...naming, link: refusing('ENOSPC') }), { code: 'ENOSPC' });
  });
});
