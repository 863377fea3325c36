import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkTrusted } from '../../config/trust.ts';

describe('a configuration file is trusted', () => {
  let root = '';
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'trust-'));
  });
  after(() => rm(root, { recursive: true }));

  /** A file in a directory of its own, made with these modes whatever the umask. */
  async function place(name: string, modes: { file?: number; directory?: number } = {}): Promise<string> {
    const directory = join(root, name);
    await mkdir(directory);
    const path = join(directory, 'config.yaml');
    await writeFile(path, '');
    await chmod(path, modes.file ?? 0o644);
    await chmod(directory, modes.directory ?? 0o755);
    return path;
  }

  it('if only its owner may write it and its directory', async () => {
    const path = await place('good');
    assert.equal(await checkTrusted(path), path);
  });

  it('unless its group or others may write it', async () => {
    for (const file of [0o664, 0o646, 0o666]) {
      const path = await place(`file-${file.toString(8)}`, { file });
      await assert.rejects(checkTrusted(path), /other users can write it; run: chmod go-w .*config\.yaml/);
    }
  });

  it('unless they may write its directory, sticky or not', async () => {
    for (const directory of [0o775, 0o757, 0o1777]) {
      const path = await place(`directory-${directory.toString(8)}`, { directory });
      await assert.rejects(checkTrusted(path), /other users can write its directory .*; run: chmod go-w/);
    }
  });

  it('unless they may replace a parent directory', async () => {
    const outer = join(root, 'outer');
    await mkdir(join(outer, 'inner'), { recursive: true });
    await writeFile(join(outer, 'inner', 'config.yaml'), '', { mode: 0o644 });
    await chmod(outer, 0o777);
    await assert.rejects(checkTrusted(join(outer, 'inner', 'config.yaml')), /its directory .*outer; run/);
    await chmod(outer, 0o1777);
    assert.ok(await checkTrusted(join(outer, 'inner', 'config.yaml')));
  });

  it('through a symbolic link, if both the link and its target are', async () => {
    const good = await place('target');
    const link = join(root, 'link.yaml');
    await symlink(good, link);
    assert.equal(await checkTrusted(link), good);
    const open = await place('open', { directory: 0o777 });
    await symlink(open, join(root, 'to-open.yaml'));
    await assert.rejects(checkTrusted(join(root, 'to-open.yaml')), /other users can write its directory/);
    await symlink(good, join(root, 'open', 'link.yaml'));
    await assert.rejects(checkTrusted(join(root, 'open', 'link.yaml')), /other users can write its directory/);
    await symlink(join(root, 'open'), join(root, 'linked'));
    await assert.rejects(checkTrusted(join(root, 'linked', 'config.yaml')), /other users can write its directory/);
  });

  it('unless it is missing or not a regular file', async () => {
    await mkdir(join(root, 'folder.yaml'));
    await assert.rejects(checkTrusted(join(root, 'folder.yaml')), /not a regular file/);
    await assert.rejects(checkTrusted(join(root, 'absent.yaml')), /ENOENT/);
  });

  // Only root can give a file away.
  if (process.geteuid?.() === 0) {
    it('unless it belongs to a user other than root or this one', async () => {
      const path = await place('theirs');
      await chown(path, 12345, 12345);
      await assert.rejects(checkTrusted(path), /belongs to user 12345, not to root or user 0/);
    });
  }
});
