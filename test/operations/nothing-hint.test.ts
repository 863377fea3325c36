import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { plantTree } from '../fixtures/tree.ts';

describe('a run that finds nothing', () => {
  let scratch: Scratch;
  let tree: string[];
  let store: string[];
  before(async () => {
    scratch = await createScratch();
    await plantTree(scratch.at('tree'), ['dots/host.example.com/cpu.wsp', 'servers/web01/cpu.wsp']);
    tree = ['-p', scratch.at('tree')];
    store = ['disk', scratch.at('disk')];
    for (const place of [[], ['-b', 'old', '--storage-path-raw', 'sp']]) {
      const { code, stderr } = await runProgram([...tree, ...place, 'backup', ...store]);
      assert.equal(code, 0, stderr);
    }
  });
  after(() => scratch[Symbol.asyncDispose]());

  it('suggests the glob for names with dots, which the Python tool stored like slashes', async () => {
    for (const command of ['backup', 'restore', 'list', 'verify', 'purge']) {
      const { code, stderr } = await runProgram([...tree, '-m', 'dots.host.example.com.*', command, ...store]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /-m 'dots\.host%2Eexample%2Ecom\.\*'/, command);
    }
    const { code } = await runProgram(['-m', 'dots.host%2Eexample%2Ecom.*', 'list', ...store]);
    assert.equal(code, 0);
  });

  it('suggests the glob for a directory if the name is that of a directory', async () => {
    for (const command of ['list', 'restore', 'backup']) {
      const { code, stderr } = await runProgram([...tree, '-m', 'servers.web01', command, ...store]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /There are metrics below it: use -m 'servers\.web01\.\*'/, command);
    }
  });

  it('suggests the option for a storage path that 0.3.0 of the Python tool wrote without its slash', async () => {
    for (const path of ['sp', 'sp/']) {
      const { code, stderr } = await runProgram(['-b', 'old', '--storage-path', path, 'list', ...store]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /such as "sp(dots|servers)\..*use --storage-path-raw sp$/m);
    }
    const { code } = await runProgram(['-b', 'old', '--storage-path-raw', 'sp', 'list', ...store]);
    assert.equal(code, 0);
  });

  it('blames the date, not the glob, if there are backups of another date', async () => {
    const { code, stderr } = await runProgram(['--since', '2130-01-01', 'list', ...store]);
    assert.equal(code, 1);
    assert.match(stderr, /Nothing to list: disk:.* has no backup that matches --since 2130-01-01\n$/);
    assert.doesNotMatch(stderr, /metrics|-m /);
  });

  it('has no hint otherwise', async () => {
    const { code, stderr } = await runProgram(['-m', 'nothing.*', '--storage-path', 'other', 'list', ...store]);
    assert.equal(code, 1);
    assert.match(stderr, /has no backup that matches -m "nothing\.\*" and --storage-path other\n$/);
  });
});

describe('a command line of the Python tool', () => {
  it('works with upper case, abbreviated options, and -a sz for commands that only read', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), ['servers/web01/cpu.wsp']);
    const tree = ['--pref', scratch.at('tree')];
    const backedUp = await runProgram([...tree, '--ret', '5', '--buck=b', 'BACKUP', 'Disk', scratch.at('disk')]);
    assert.equal(backedUp.code, 0, backedUp.stderr);
    for (const command of ['list', 'RESTORE', 'purge', 'verify']) {
      const { code, stderr } = await runProgram([...tree, '-b', 'b', '-a', 'sz', command, 'DISK', scratch.at('disk')]);
      assert.equal(code, 0, stderr);
    }
    const refused = await runProgram([...tree, '-b', 'b', '-a', 'sz', 'backup', 'disk', scratch.at('disk')]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--algorithm must be gz or zst: sz is only supported for reading/);
  });
});
