import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { touchStamp } from '../../../scripts/cli/run/stamp.ts';

describe('the stamp file', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stamp-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('is created if it is missing', async () => {
    const path = join(directory, 'new');
    await touchStamp(path);
    assert.ok(Math.abs((await stat(path)).mtimeMs - Date.now()) < 60_000);
  });

  it('gets the current time, and keeps its content', async () => {
    const path = join(directory, 'old');
    await writeFile(path, 'content');
    await utimes(path, 1, 1);
    await touchStamp(path);
    assert.ok(Math.abs((await stat(path)).mtimeMs - Date.now()) < 60_000);
    assert.equal(await readFile(path, 'utf8'), 'content');
  });

  it('is never a symbolic link of another user', async () => {
    const victim = join(directory, 'victim');
    const path = join(directory, 'link');
    await symlink(victim, path);
    await assert.rejects(touchStamp(path), /ELOOP/);
    await assert.rejects(stat(victim), /ENOENT/);
  });
});
