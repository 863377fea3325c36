import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { lockByPython } from '../fixtures/locker.ts';
import { codesOf } from '../fixtures/operations.ts';
import { runProgram, startProgram, unprivileged } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { contents, plant, plantTree, readTree, whisperFile } from '../fixtures/tree.ts';

const NAMES = ['servers/web01/cpu.wsp', 'servers/web01/load.wsp', 'idle.wsp'];

describe('the program', () => {
  it('python tool #16 and #18: backs up to a disk, restores from it and purges it, with -x 0 and -x -1', async () => {
    await using scratch = await createScratch();
    const files = await plantTree(scratch.at('tree'), NAMES);
    const [tree, storage] = [
      ['-p', scratch.at('tree')],
      ['disk', scratch.at('disk')],
    ];
    assert.equal((await runProgram([...tree, 'backup', ...storage])).code, 0);
    await rm(scratch.at('tree', 'idle.wsp'));

    const never = await runProgram(['-x', '-1', ...tree, 'purge', ...storage]);
    assert.equal(never.code, 0, never.stderr);
    const restored = await runProgram(['-p', scratch.at('restored'), 'restore', ...storage]);
    assert.equal(restored.code, 0, restored.stderr);
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));

    const purged = await runProgram(['--json', '-x', '0', ...tree, 'purge', ...storage]);
    assert.equal(purged.code, 0, purged.stderr);
    assert.equal(JSON.parse(purged.stdout).counts.purged, 1);
    const left = await readdir(scratch.at('disk', 'graphite-backups'));
    assert.deepEqual(left.filter((name) => !name.startsWith('.')).toSorted(), [
      'servers.web01.cpu',
      'servers.web01.load',
    ]);
  });

  it('python tool #17: writes nothing, anywhere, in a dry run of backup, restore and purge', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), NAMES);
    const storage = ['disk', scratch.at('disk')];
    assert.equal((await runProgram(['-p', scratch.at('tree'), 'backup', ...storage])).code, 0);
    await rm(scratch.at('tree', 'idle.wsp'));
    await plant(scratch.at('tree'), 'new.wsp', whisperFile());
    const before = contents(await readTree(scratch.path));
    const files = ['logfile', 'lockfile', 'stampfile'].flatMap((name) => [`--${name}`, scratch.at(name)]);
    const runs: readonly [string[], object][] = [
      [['-p', scratch.at('tree'), '-x', '0', 'backup', ...storage], { stored: 1, unchanged: 2, purged: 1 }],
      [['-p', scratch.at('tree'), 'backup', 'disk', scratch.at('no disk')], { stored: 3, unchanged: 0 }],
      [['-p', scratch.at('no tree'), 'restore', ...storage], { restored: 3, failed: 0 }],
      [['-p', scratch.at('tree'), '-x', '0', 'purge', ...storage], { purged: 1 }],
    ];
    for (const [args, counts] of runs) {
      const { code, stdout, stderr } = await runProgram(['-n', '--json', ...files, ...args]);
      assert.equal(code, 0, stderr);
      const summary = JSON.parse(stdout);
      assert.equal(summary.dryRun, true);
      assert.deepEqual({ ...summary.counts, ...counts }, summary.counts);
    }
    assert.deepEqual(contents(await readTree(scratch.path)), before);
    assert.deepEqual((await readdir(scratch.path)).toSorted(), ['disk', 'tree']);
  });

  it('python tool #3: takes nothing for gone below a directory that it may not read', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), NAMES);
    await mkdir(scratch.at('disk'));
    await chmod(scratch.at('disk'), 0o777);
    const args = ['-p', scratch.at('tree'), '-x', '0', '--json'];
    const options = { wrap: unprivileged };
    assert.equal((await runProgram([...args, 'backup', 'disk', scratch.at('disk')], options)).code, 0);
    await rm(scratch.at('tree', 'idle.wsp'));
    await chmod(scratch.at('tree', 'servers'), 0);
    await plant(scratch.at('tree'), 'live.wsp', whisperFile());
    try {
      const { code, stdout, stderr } = await runProgram([...args, 'backup', 'disk', scratch.at('disk')], options);
      assert.equal(code, 3, stderr);
      const { counts, failed } = JSON.parse(stdout);
      assert.deepEqual(codesOf(failed), { [scratch.at('tree', 'servers')]: 'EACCES' });
      assert.equal(counts.purged, 1);
      const left = await readdir(scratch.at('disk', 'graphite-backups'));
      const metrics = left.filter((name) => !name.startsWith('.')).toSorted();
      assert.deepEqual(metrics, ['live', 'servers.web01.cpu', 'servers.web01.load']);
    } finally {
      await chmod(scratch.at('tree', 'servers'), 0o755);
    }
  });

  it('python tool #5: leaves nothing of a backup that could be written in part only, and stores it the next time', async () => {
    await using scratch = await createScratch();
    // Incompressible points, so that the backup exceeds the limit.
    const now = Math.floor(Date.now() / 1000);
    const points = Array.from({ length: 8000 }, (_, i) => ({ timestamp: now - i * 60, value: Math.sin(i) }));
    const large = whisperFile({ now, points, archives: [{ secondsPerPoint: 60, points: 10_000 }] });
    await plant(scratch.at('tree'), 'large.wsp', large);
    await plant(scratch.at('tree'), 'small.wsp', whisperFile());
    const args = ['-p', scratch.at('tree'), '--json', 'backup', 'disk', scratch.at('disk')];
    // A write beyond 32 KiB is cut, as on a full disk.
    const wrap = (command: readonly string[]) => [
      'bash',
      '-c',
      'trap "" XFSZ; ulimit -f 32; exec "$@"',
      'bash',
      ...command,
    ];
    const limited = await runProgram(args, { wrap });
    assert.equal(limited.code, 3, limited.stderr);
    const { failed, counts } = JSON.parse(limited.stdout);
    assert.deepEqual(codesOf(failed), { large: 'PERMANENT' });
    assert.equal(counts.stored, 1);
    const stored = [...(await readTree(scratch.at('disk', 'graphite-backups'))).keys()];
    assert.equal(stored.filter((name) => name.startsWith('large')).length, 0);
    assert.equal(stored.filter((name) => name.startsWith('.whisper-backup/tmp/')).length, 0);

    const again = await runProgram(args);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(JSON.parse(again.stdout).counts.stored, 1);
    await runProgram(['-p', scratch.at('restored'), 'restore', 'disk', scratch.at('disk')]);
    assert.deepEqual((await readTree(scratch.at('restored'))).get('large.wsp'), large);
  });

  it('python tool #21, #25 and #29: ends, with 3, its log whole and no stamp, where a lock is held for ever', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), NAMES);
    const files = ['logfile', 'lockfile', 'stampfile'].flatMap((name) => [`--${name}`, scratch.at(name)]);
    const args = ['-q', '-p', scratch.at('tree'), '--file-lock-timeout', '0.3', ...files];
    const command = [...args, 'backup', 'disk', scratch.at('disk')];
    {
      await using _ = await lockByPython(scratch.at('tree', 'idle.wsp'), 'LOCK_EX');
      const { code, stdout, stderr } = await runProgram(command);
      assert.equal(code, 3);
      assert.equal(stdout, '');
      assert.match(
        stderr,
        /^\S* ?failed: idle: Cannot lock .*idle\.wsp: the lock was not acquired within 0\.3 s \(held by another process\)/,
      );
      await assert.rejects(stat(scratch.at('stampfile')), { code: 'ENOENT' });
    }
    const told = (await readFile(scratch.at('logfile'), 'utf8')).trimEnd().split('\n');
    assert.match(told.at(-1) ?? '', /;INFO;backup of disk:.* 2, .*failed 1,/);

    assert.equal((await runProgram(command)).code, 0);
    assert.ok((await stat(scratch.at('stampfile'))).isFile());
    const lines = (await readFile(scratch.at('logfile'), 'utf8')).trimEnd().split('\n');
    assert.ok(lines.length > told.length);
    assert.match(lines.at(-1) ?? '', /;INFO;backup of disk:.* unchanged 2, .*failed 0,/);
  });

  it('python tool #22: is kept out by a run under way (11), but by none that was killed with -9', async () => {
    await using scratch = await createScratch();
    const { args, hung, program } = await startHung(scratch);
    const other = await runProgram([...args, '--locktimeout', '0']);
    assert.equal(other.code, 11, other.stderr);
    program.killAtOnce();
    await program.ended;
    await hung.release();
    const next = await runProgram([...args, '--locktimeout', '0']);
    assert.equal(next.code, 0, next.stderr);
  });

  it('python tool #32: ends within seconds of Ctrl-C, leaves no stamp and tells so in its log', async () => {
    await using scratch = await createScratch();
    const { hung, program } = await startHung(scratch);
    await using _ = hung;
    const started = performance.now();
    program.interrupt();
    const { code, stderr } = await program.ended;
    assert.equal(code, 130, stderr);
    assert.ok(performance.now() - started < 5000);
    await assert.rejects(stat(scratch.at('stampfile')), { code: 'ENOENT' });
    assert.match(await readFile(scratch.at('logfile'), 'utf8'), /;ERROR;Interrupted by SIGINT\n$/);
    await assert.rejects(stat(scratch.at('lockfile')), { code: 'ENOENT' }, 'nothing keeps the Python tool out');
  });

  it('python tool #20: refuses a date that it cannot read before it looks at anything', async () => {
    await using scratch = await createScratch();
    const { code, stderr } = await runProgram(['-c', 'last tuesday', 'restore', 'disk', scratch.at('no disk')]);
    assert.equal(code, 2);
    assert.match(stderr, /date "last tuesday".*ISO-8601/);
  });
});

/** A backup under way that waits for a lock on a file, with its run lock taken. */
async function startHung(scratch: Scratch) {
  await plantTree(scratch.at('tree'), NAMES);
  const files = ['logfile', 'lockfile', 'stampfile'].flatMap((name) => [`--${name}`, scratch.at(name)]);
  const tree = ['-p', scratch.at('tree'), '--file-lock-timeout', '600'];
  const args = [...files, ...tree, 'backup', 'disk', scratch.at('disk')];
  const hung = await lockByPython(scratch.at('tree', 'idle.wsp'), 'LOCK_EX');
  const program = startProgram(args);
  // Its other files are stored, so it waits for the last one.
  const stored = async () => {
    const names = await readdir(scratch.at('disk', 'graphite-backups')).catch(() => []);
    return names.filter((name) => name.startsWith('servers.')).length;
  };
  for (let tries = 0; (await stored()) < 2; tries++) {
    if (tries > 1500) throw new Error('The backup did not come to its last file');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { args, hung, program };
}
