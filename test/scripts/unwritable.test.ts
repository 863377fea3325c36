import assert from 'node:assert/strict';
import { chmod, chown } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { isRoot, runProgram, unprivileged } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { plantTree } from '../fixtures/tree.ts';

const scratch = await createScratch();
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['servers/web1/cpu.wsp']);
const stores = await scratch.directory('stores');
await chmod(stores, 0o777);
await chmod(scratch.path, 0o755);
after(() => scratch[Symbol.asyncDispose]());

/** A run by a user who may not write where logs and records are by default: its log is among what was given. */
function byNobody(...words: readonly string[]) {
  const wrap = (command: readonly string[]) => [
    'env',
    '-u',
    'WHISPER_BACKUP_STATE_DIR',
    ...unprivileged(command.filter((word) => word !== '--nolog')),
  ];
  return runProgram([...words, 'disk', stores, '-b', 'b', '-p', prefix], { wrap });
}

describe('A log and a state directory that were not named, and cannot be written', () => {
  it('are warned of once in a run, which goes on', async () => {
    const { code, stderr } = await byNobody('backup', '--quiet', '--create');
    assert.equal(code, 0, stderr);
    const lines = stderr.trim().split('\n');
    assert.equal(lines.length, 2, stderr);
    assert.match(
      lines[0] ?? '',
      /^warning: Cannot write the log file \/var\/log\/whisper-backup\.log: .*: see --logfile/,
    );
    assert.match(
      lines[1] ?? '',
      /^warning: Cannot leave the record of this run in \/var\/lib\/whisper-backup: .*: status will not show this run; see --state-dir/,
    );
  });

  it('are reported by doctor for the user that asks, though the owner of the tree may write them', async () => {
    if (isRoot) await chown(prefix, 0, 0);
    const { stdout } = await byNobody('doctor', '--json');
    const { checks } = JSON.parse(stdout);
    const find = (name: string) => checks.find((check: { name: string }) => check.name === name);
    assert.equal(find('directories').level, 'warn');
    assert.match(find('directories').finding, /stateDir: \/var\/lib\S* is not writable by user \d+.*logfile: /);
    if (isRoot) assert.match(find('prefix').finding, /belongs to user 0, and this runs as 65534/);
  });
});
