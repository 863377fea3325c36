import assert from 'node:assert/strict';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { run } from './program.ts';

describe('A bucket that vanished', () => {
  it('ends the backup with 1 and both explanations, until it exists again or --create is given', async () => {
    await using scratch = await createScratch();
    const nas = await scratch.directory('nas');
    await plantTree(scratch.at('tree'), ['a.wsp']);
    const own = [
      '--nolog',
      '--nostamp',
      '--no-cache',
      '--lockfile',
      scratch.at('lock'),
      '--state-dir',
      scratch.at('state'),
    ];
    const backup = (bucket: string, ...more: readonly string[]) =>
      run(['backup', 'disk', `path=${nas}`, '-p', scratch.at('tree'), '-b', bucket, ...own, ...more]);
    const first = await backup('host');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /Created disk:.*\/nas\/host: it did not exist/);
    assert.equal((await backup('hots')).code, 1);
    assert.deepEqual(await readdir(nas), ['host']);
    await rename(nas, scratch.at('unmounted'));
    await mkdir(nas);
    for (const more of [[], ['-n']]) {
      const { code, stderr } = await backup('host', ...more);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /Cannot use disk:.*nas\/host.*not mounted.*mistyped.*--create/);
    }
    assert.deepEqual(await readdir(nas), []);
    const created = await backup('host', '--create');
    assert.equal(created.code, 0, created.stderr);
    assert.match(created.stderr, /Created disk:/);
  });
});
