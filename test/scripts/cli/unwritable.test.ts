import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { isRoot, runProgram, unprivileged } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { run } from './program.ts';

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

describe('a default log and state directory that cannot be written', () => {
  it('cause one warning, and the run continues', async () => {
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
      /^warning: Cannot write the record of this run to \/var\/lib\/whisper-backup: .*: status will not show this run; see --state-dir/,
    );
  });

  it('are reported by doctor for the current user, even if the owner of the tree may write them', async () => {
    if (isRoot) await chown(prefix, 0, 0);
    const { stdout } = await byNobody('doctor', '--json');
    const { checks } = JSON.parse(stdout);
    const find = (name: string) => checks.find((check: { name: string }) => check.name === name);
    assert.equal(find('directories').level, 'warn');
    assert.match(find('directories').finding, /stateDir: \/var\/lib\S* is not writable by user \d+.*logfile: /);
    if (isRoot) assert.match(find('prefix').finding, /belongs to user 0, doctor runs as user 65534/);
  });
});

describe('a configured state directory that cannot be used', () => {
  const named = (command: string, bucket: string, ...more: readonly string[]) =>
    run([command, 'disk', stores, '-b', bucket, '-p', prefix, '--nolog', '--nolock', '--nostamp', ...more]);

  /** Each place that cannot be one, and why. */
  async function unusable(): Promise<readonly (readonly [string, RegExp])[]> {
    await writeFile(scratch.at('file'), '');
    await symlink(scratch.at('not-mounted'), scratch.at('dangling'));
    const open = await scratch.directory('open');
    await chmod(open, 0o777);
    const openRuns = await scratch.directory('open-runs');
    await mkdir(`${openRuns}/runs`);
    await chmod(`${openRuns}/runs`, 0o777);
    return [
      [scratch.at('file'), /not a directory/],
      [scratch.at('file', 'below'), /not a directory/],
      [scratch.at('dangling'), /its target does not exist|no such file/],
      [open, /other users may write/],
      [openRuns, /other users may write/],
    ];
  }

  it('ends a backup and a purge with 2 before anything is stored, also in a dry run', async () => {
    const before = await readdir(stores);
    for (const [path, reason] of await unusable()) {
      for (const words of [['backup'], ['backup', '-n'], ['purge'], ['purge', '-n']]) {
        const [command = '', ...more] = words;
        const { code, stderr } = await named(command, 'never', '--state-dir', path, ...more);
        assert.equal(code, 2, `${words.join(' ')} ${path}: ${stderr}`);
        assert.match(stderr, /^error: Cannot use the state directory \S+ \(--state-dir\): /m);
        assert.match(stderr, reason);
        assert.match(stderr, /Use a directory that user \d+ can write/);
      }
    }
    assert.deepEqual(await readdir(stores), before);
  });

  it('is rejected if it comes from a file or a variable, and if this user may not write', async () => {
    const before = await readdir(stores);
    const file = scratch.at('config.json');
    await writeFile(file, JSON.stringify({ stateDir: '/proc/nothing' }));
    for (const more of [[], ['-n']]) {
      const configured = await byNobody('backup', '-b', 'never', '--config', file, ...more);
      assert.equal(configured.code, 2, configured.stderr);
      assert.match(configured.stderr, /Cannot use the state directory \/proc\/nothing \(\S+config\.json\): /);
      const foreign = await byNobody('backup', '-b', 'never', '--state-dir', await scratch.directory('roots'), ...more);
      assert.equal(foreign.code, 2, foreign.stderr);
    }
    const env = { WHISPER_BACKUP_STATE_DIR: scratch.at('file') };
    const variable = await run(['backup', 'disk', stores, '-b', 'never', '-p', prefix, '--nolog', '--nolock'], { env });
    assert.equal(variable.code, 2, variable.stderr);
    assert.match(variable.stderr, /\(WHISPER_BACKUP_STATE_DIR\)/);
    assert.deepEqual(await readdir(stores), before);
  });

  it('is a warning for a restore, which does not need it, and ignored by a run that records nothing', async () => {
    assert.equal((await named('backup', 'kept')).code, 0);
    const restored = await named('restore', 'kept', '--state-dir', scratch.at('file'));
    assert.equal(restored.code, 0, restored.stderr);
    assert.match(restored.stderr, /warning: Cannot write the record of this run to \S+file: /);
    const noop = await run(['backup', 'noop', '-p', prefix, '--nolog', '--nolock', '--state-dir', scratch.at('file')]);
    assert.equal(noop.code, 0, noop.stderr);
  });
});
