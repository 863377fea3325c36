import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { FileSystems } from '../../lib/system/filesystems.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';

describe('FileSystems', () => {
  it('keeps one directory open per file system, also through links, until it is closed', async () => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=1m');
    for (const file of [scratch.at('here.wsp'), disk.at('there.wsp')]) writeFileSync(file, '');
    symlinkSync(disk.at('there.wsp'), scratch.at('link.wsp'));
    const [here, there] = await Promise.all([scratch.path, disk.path].map((path) => stat(path, { bigint: true })));
    assert.ok(here && there);
    const written = new FileSystems();
    await written.add(scratch.path);
    await written.addOf(scratch.at('here.wsp'), `${here.dev}`);
    assert.equal(written.count, 1);
    for (const file of [scratch.at('link.wsp'), disk.at('there.wsp')]) await written.addOf(file, `${there.dev}`);
    await written.addOf(scratch.at('gone.wsp'), '0');
    assert.equal(written.count, 2);
    await written.sync();
    await written.close();
    // It is not busy.
    sh`mount -o remount,ro ${disk.path}`;
  });

  it('does not block on a FIFO in place of a directory', { timeout: 10_000 }, async () => {
    await using scratch = await createScratch();
    sh`mkfifo ${scratch.at('fifo')}`;
    await assert.rejects(new FileSystems().add(scratch.at('fifo')), { code: 'ENOTDIR' });
  });
});
