import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { placeDirectory } from '../../lib/tree/place.ts';
import { whisperInfo } from '../../lib/whisper/info.ts';
import { publish } from '../../lib/workers/tasks/publish.ts';
import type { Published, PublishTask } from '../../lib/workers/tasks/publish-task.ts';
import { lockByPython } from '../fixtures/locker.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { stateOf } from '../fixtures/tree-state.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const sha1Of = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');

function encoded(data: Uint8Array, body: Uint8Array = gzipSync(data), sha1 = sha1Of(data)): PublishTask['backup'] {
  return { key: 'the/key', body, algorithm: 'gz', sha1 };
}

/** Publishes a backup of these bytes as `a/b`, in this thread. */
function bring(prefix: string, data: Uint8Array, options: Partial<PublishTask> = {}): Promise<Published> {
  const asked = { overwrite: false, replaceDamaged: false, dryRun: false, flock: true, fileLockTimeout: 0.1, now: NOW };
  return publish({ prefix, path: 'a/b', backup: encoded(data), ...asked, ...options }, () => false);
}

/** The same, with an action after the temporary file was written and before it is published. */
function bringWhile(prefix: string, data: Uint8Array, act: () => void): Promise<Published> {
  const task = { prefix, path: 'a/b', backup: encoded(data), overwrite: false, replaceDamaged: false, dryRun: false };
  const locks = { flock: true, fileLockTimeout: 0.1, now: NOW };
  const owner = () => {
    act();
    return { uid: 0, gid: 0 };
  };
  return publish(Object.defineProperty({ ...task, ...locks }, 'owner', { get: owner }), () => false);
}

/** Makes a symbolic link that belongs to a user. */
async function linkAs(uid: number, target: string, path: string): Promise<void> {
  await symlink(target, path);
  await lchown(path, uid, uid);
}

/** The outcome without its trace. */
function figuresOf(result: Published): Published {
  if (!('trace' in result)) return result;
  const { trace: _, ...figures } = result;
  return figures;
}

/** The code of a failure, or the outcome. */
function codeOf(result: Published): string {
  return result.outcome === 'failed' ? result.code : result.outcome;
}

const COMPRESSED = new TextEncoder().encode('whisper_compressed and what go-carbon makes of it');
/** The half hour that is known, and the whole hour. */
const half = metricFile(1, { known: 30 });
const whole = metricFile(1, { known: 60 });

describe('publish', () => {
  it('creates the file and its directories, readable by all with any umask', async () => {
    await using scratch = await createScratch();
    const umask = process.umask(0o077);
    try {
      const result = await bring(scratch.path, whole, { path: 'a/b/c' });
      assert.deepEqual(figuresOf(result), { outcome: 'restored', bytes: whole.length });
    } finally {
      process.umask(umask);
    }
    const mode = async (...names: string[]) => ((await stat(scratch.at(...names))).mode & 0o7777).toString(8);
    assert.deepEqual([await mode('a'), await mode('a', 'b'), await mode('a', 'b', 'c.wsp')], ['755', '755', '644']);
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('a', 'b', 'c.wsp'))), whole);
    assert.deepEqual(await readdir(scratch.at('a', 'b')), ['c.wsp']);
  });

  it('does not take a backup for damaged because the journal cannot be applied to it', async () => {
    await using scratch = await createScratch();
    const lines = {
      until: NOW / 1000,
      get lines(): Uint8Array {
        throw new Error('out of memory');
      },
    };
    const result = await bring(scratch.path, whole, { journal: [lines] });
    assert.ok(result.outcome === 'failed' && !result.backupDamaged);
    assert.match(result.reason, /^Cannot apply the journal to the\/key: out of memory: use --no-journal/);
    assert.deepEqual(await readdir(scratch.path), []);
  });

  it('gives created files to the owner of the nearest existing directory', async () => {
    await using scratch = await createScratch();
    await scratch.directory('there');
    await chown(scratch.at('there'), 1234, 5678);
    await bring(scratch.path, whole, { path: 'there/a/b/c' });
    for (const path of ['there/a', 'there/a/b', 'there/a/b/c.wsp']) {
      const { uid, gid } = await stat(scratch.at(path));
      assert.deepEqual([uid, gid], [1234, 5678], path);
    }
  });

  it('gives created files to the requested owner, and does not change the owner of others', async () => {
    await using scratch = await createScratch();
    await scratch.directory('there');
    await bring(scratch.path, whole, { path: 'there/a/b', owner: { uid: 77, gid: 88 } });
    const owners = await Promise.all(['there', 'there/a', 'there/a/b.wsp'].map((path) => stat(scratch.at(path))));
    assert.deepEqual(
      owners.map(({ uid, gid }) => [uid, gid]),
      [
        [0, 0],
        [77, 88],
        [77, 88],
      ],
    );
  });

  it('publishes a directory only after setting its owner, which other threads copy', async () => {
    await using scratch = await createScratch();
    const seen: string[][] = [];
    const owner = () => {
      seen.push(readdirSync(scratch.path).filter((name) => !name.startsWith('.')));
      return { uid: 77, gid: 88 };
    };
    placeDirectory(scratch.path, 'a', Object.defineProperty({}, 'owner', { get: owner }));
    assert.deepEqual(seen, [[]]);
    const { uid, gid } = await stat(scratch.at('a'));
    assert.deepEqual([uid, gid], [77, 88]);
    assert.deepEqual(await readdir(scratch.path), ['a']);
  });

  it('keeps a directory that another process creates meanwhile, with its content', async () => {
    await using scratch = await createScratch();
    const owner = () => {
      mkdirSync(scratch.at('a'));
      writeFileSync(scratch.at('a', 'x.wsp'), half);
      return { uid: 77, gid: 88 };
    };
    placeDirectory(scratch.path, 'a', Object.defineProperty({}, 'owner', { get: owner }));
    assert.deepEqual(await readdir(scratch.path), ['a']);
    assert.deepEqual(await readdir(scratch.at('a')), ['x.wsp']);
    assert.equal((await stat(scratch.at('a'))).uid, 0);
  });

  it('creates a missing prefix, also a relative one', async () => {
    await using scratch = await createScratch();
    const directory = process.cwd();
    process.chdir(scratch.path);
    try {
      for (const prefix of ['tree', './dot/tree', `${scratch.path}/absolute/`])
        assert.equal(codeOf(await bring(prefix, whole)), 'restored', prefix);
    } finally {
      process.chdir(directory);
    }
    assert.deepEqual((await readdir(scratch.path)).sort(), ['absolute', 'dot', 'tree']);
    for (const prefix of ['tree', 'dot/tree', 'absolute']) await stat(scratch.at(prefix, 'a', 'b.wsp'));
  });

  it('fills a file that another process creates meanwhile, instead of replacing it', async () => {
    await using scratch = await createScratch();
    await scratch.directory('a');
    const result = await bringWhile(scratch.path, whole, () => writeFileSync(scratch.at('a', 'b.wsp'), half));
    assert.deepEqual(figuresOf(result), { outcome: 'backfilled', bytes: whole.length, filled: 30 });
    assert.deepEqual(await readdir(scratch.at('a')), ['b.wsp']);
  });

  it('fills a local file, keeps its own points, and changes no byte the second time', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b', metricFile(2, { known: 30 }));
    const result = await bring(scratch.path, whole);
    assert.deepEqual(figuresOf(result), { outcome: 'backfilled', bytes: whole.length, filled: 30 });
    const filled = new Uint8Array(await readFile(file));
    assert.equal(whisperInfo(filled).archives[0]?.known, 60);
    const state = await stateOf(scratch.path);
    assert.deepEqual(await bring(scratch.path, whole), { outcome: 'unchanged', bytes: whole.length });
    assert.deepEqual(await stateOf(scratch.path), state);
  });

  it('does not change an identical file', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'a/b', whole);
    const state = await stateOf(scratch.path);
    for (const options of [{}, { overwrite: true }, { replaceDamaged: true }])
      assert.equal(codeOf(await bring(scratch.path, whole, options)), 'unchanged');
    assert.deepEqual(await stateOf(scratch.path), state);
  });

  it('waits for the lock of a local file, and fails without changing it if the lock is not acquired', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b', half);
    const state = await stateOf(scratch.path);
    {
      await using _lock = await lockByPython(file, 'LOCK_SH');
      for (const options of [{}, { overwrite: true }])
        assert.equal(codeOf(await bring(scratch.path, whole, options)), 'LOCK_TIMEOUT');
      assert.deepEqual(await stateOf(scratch.path), state);
      const waiting = bring(scratch.path, whole, { fileLockTimeout: 10 });
      setTimeout(() => void _lock.release(), 200);
      assert.equal(codeOf(await waiting), 'backfilled');
    }
    await using _lock = await lockByPython(file, 'LOCK_EX');
    assert.equal(codeOf(await bring(scratch.path, metricFile(3), { flock: false })), 'unchanged');
  });

  it('keeps mode and owner of a file that gets another schema', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b', metricFile(1, { known: 30 }));
    await chown(file, 1234, 1235);
    await chmod(file, 0o2664);
    const schema = { archives: [{ secondsPerPoint: 60, points: 30 }] };
    const owner = { uid: 99, gid: 99 };
    const result = await bring(scratch.path, whole, { schema, owner, now: NOW });
    assert.equal(result.outcome, 'restored');
    const { mode, uid, gid } = await stat(file);
    assert.deepEqual([mode & 0o7777, uid, gid], [0o664, 1234, 1235]);
  });

  it('overwrites by renaming on request', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b', metricFile(2));
    const { ino } = await stat(file);
    assert.equal(codeOf(await bring(scratch.path, whole, { overwrite: true })), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(file)), whole);
    assert.notEqual((await stat(file)).ino, ino);
    assert.deepEqual(await readdir(scratch.at('a')), ['b.wsp']);
  });

  it('does not change a damaged local file, and names the option that would', async () => {
    await using scratch = await createScratch();
    for (const damaged of [new Uint8Array(), half.subarray(0, 100), new Uint8Array(500).fill(7)]) {
      await plantMetric(scratch.path, 'a/b', damaged);
      const state = await stateOf(scratch.path);
      const result = await bring(scratch.path, whole);
      assert.ok(result.outcome === 'failed' && !result.backupDamaged);
      assert.equal(result.code, 'LOCAL_DAMAGED');
      assert.match(result.reason, /--replace-damaged/);
      assert.deepEqual(await stateOf(scratch.path), state);
    }
  });

  it('waits for the header of a file that carbon is creating, then fills it, even with --replace-damaged', async () => {
    await using scratch = await createScratch();
    for (const options of [{}, { replaceDamaged: true }, { dryRun: true }]) {
      const file = await plantMetric(scratch.path, 'a/b', new Uint8Array());
      const waiting = bring(scratch.path, whole, { ...options, fileLockTimeout: 60 });
      await sleep(50);
      await writeFile(file, half);
      assert.deepEqual(figuresOf(await waiting), { outcome: 'backfilled', bytes: whole.length, filled: 30 });
      assert.deepEqual(await readdir(scratch.at('a')), ['b.wsp']);
    }
  });

  it('fails with the remedy if a file stays empty', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'a/b', new Uint8Array());
    const result = await bring(scratch.path, whole);
    assert.ok(result.outcome === 'failed' && result.code === 'LOCAL_DAMAGED');
    assert.match(
      result.reason,
      /a\/b\.wsp: it has 0 bytes, and no process wrote a header within 0\.1 s: .*restore again/,
    );
    assert.match(result.reason, /--replace-damaged/);
    assert.equal(codeOf(await bring(scratch.path, whole, { replaceDamaged: true })), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('a', 'b.wsp'))), whole);
  });

  it('fills the file that replaces the one it has read', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b', half);
    const locks = { flock: true, fileLockTimeout: 0.1, now: NOW };
    const rules = { overwrite: false, replaceDamaged: false, dryRun: false };
    const task = { prefix: scratch.path, path: 'a/b', backup: encoded(whole), ...rules, ...locks };
    let isReplaced = false;
    // The time is asked for when the local file has been read, and is about to be written.
    const now = () => {
      if (!isReplaced) {
        writeFileSync(scratch.at('new'), half);
        renameSync(scratch.at('new'), file);
      }
      isReplaced = true;
      return NOW;
    };
    const result = await publish(Object.defineProperty(task, 'now', { get: now, enumerable: false }), () => false);
    assert.deepEqual(figuresOf(result), { outcome: 'backfilled', bytes: whole.length, filled: 30 });
    assert.equal(whisperInfo(new Uint8Array(await readFile(file))).archives[0]?.known, 60);
  });

  it('moves a damaged local file aside on request, but fills a sound one', async () => {
    await using scratch = await createScratch();
    const damaged = half.slice(0, 100);
    const file = await plantMetric(scratch.path, 'a/b', damaged);
    assert.equal(codeOf(await bring(scratch.path, whole, { replaceDamaged: true })), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(file)), whole);
    const aside = 'b.wsp.damaged-2026-11-22T12:00:00+00:00';
    assert.deepEqual((await readdir(scratch.at('a'))).sort(), ['b.wsp', aside]);
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('a', aside))), damaged);
    await writeFile(file, half);
    assert.equal(codeOf(await bring(scratch.path, whole, { replaceDamaged: true })), 'backfilled');
  });

  it('restores nothing from a damaged backup, with or without a local file', async () => {
    await using scratch = await createScratch();
    const good = gzipSync(whole);
    const flipped = Uint8Array.from(good);
    flipped[60] = (flipped[60] ?? 0) ^ 0x10;
    // A Whisper header that tells of 60 points, and a great deal behind it.
    const bomb = Buffer.alloc(100 * 2 ** 20);
    bomb.set(whole);
    const damaged: Record<string, PublishTask['backup']> = {
      cut: encoded(whole, good.subarray(0, good.length - 20)),
      empty: encoded(whole, new Uint8Array()),
      flipped: encoded(whole, flipped),
      'of another file': encoded(whole, gzipSync(half)),
      'with a wrong SHA-1': encoded(whole, good, '0'.repeat(40)),
      'followed by something': encoded(whole, Buffer.concat([good, Buffer.from('more')])),
      'a bomb': encoded(bomb, gzipSync(bomb, { level: 1 })),
      'no Whisper file': encoded(new Uint8Array(999)),
      'a cut Whisper file': encoded(whole.subarray(0, 200)),
      'an empty file': encoded(new Uint8Array()),
    };
    const file = await plantMetric(scratch.path, 'a/b', half);
    const state = await stateOf(scratch.path);
    for (const [name, backup] of Object.entries(damaged)) {
      for (const path of ['a/b', 'new/c']) {
        for (const options of [{}, { overwrite: true, replaceDamaged: true }]) {
          const result = await bring(scratch.path, whole, { ...options, backup, path });
          assert.ok(result.outcome === 'failed' && result.backupDamaged, name);
        }
      }
    }
    assert.deepEqual(await stateOf(scratch.path), state);
    assert.deepEqual(new Uint8Array(await readFile(file)), half);
  });

  it('restores go-carbon’s compressed files unchanged, and fills neither from nor into one', async () => {
    await using scratch = await createScratch();
    assert.equal(codeOf(await bring(scratch.path, COMPRESSED)), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('a', 'b.wsp'))), COMPRESSED);
    assert.equal(codeOf(await bring(scratch.path, COMPRESSED)), 'unchanged');
    const state = await stateOf(scratch.path);
    for (const options of [{}, { replaceDamaged: true }])
      assert.equal(codeOf(await bring(scratch.path, whole, options)), 'WHISPER_COMPRESSED');
    assert.deepEqual(await stateOf(scratch.path), state);
    assert.equal(codeOf(await bring(scratch.path, whole, { overwrite: true })), 'restored');
    const plain = await stateOf(scratch.path);
    assert.equal(codeOf(await bring(scratch.path, COMPRESSED)), 'WHISPER_COMPRESSED');
    assert.deepEqual(await stateOf(scratch.path), plain);
  });

  it('as root does not follow a link of another user to a file of a third user', async () => {
    await using scratch = await createScratch();
    await scratch.directory('tree');
    await plantMetric(scratch.at('outside'), 'b', half);
    await scratch.directory('tree', 'x');
    await linkAs(1234, scratch.at('outside'), scratch.at('tree', 'a'));
    await linkAs(1234, scratch.at('outside', 'b.wsp'), scratch.at('tree', 'x', 'b.wsp'));
    await linkAs(1234, scratch.at('outside', 'new.wsp'), scratch.at('tree', 'x', 'dangling.wsp'));
    await linkAs(1234, scratch.at('outside', 'new'), scratch.at('tree', 'nowhere'));
    // Root’s own link, by way of one that is not.
    await linkAs(0, 'a', scratch.at('tree', 'indirect'));
    await linkAs(1234, scratch.at('tree'), scratch.at('prefix'));
    const outside = await stateOf(scratch.at('outside'));
    for (const options of [{}, { overwrite: true, replaceDamaged: true }, { dryRun: true }]) {
      const bringTo = (path: string, prefix = 'tree') => bring(scratch.at(prefix), whole, { ...options, path });
      for (const path of ['a/b', 'a/new', 'a/deeper/new', 'x/b', 'indirect/b'])
        assert.equal(codeOf(await bringTo(path)), 'UNTRUSTED_LINK', path);
      for (const path of ['x/dangling', 'nowhere/b', 'nowhere/a/b'])
        assert.equal(codeOf(await bringTo(path)), 'DANGLING_LINK', path);
      assert.equal(codeOf(await bringTo('new', 'prefix')), 'UNTRUSTED_LINK');
    }
    assert.deepEqual(await stateOf(scratch.at('outside')), outside);
    assert.deepEqual(await readdir(scratch.at('tree', 'x')), ['b.wsp', 'dangling.wsp']);
  });

  it('follows links of root, and links of a user to that user’s files, also out of the prefix', async () => {
    await using scratch = await createScratch();
    await scratch.directory('tree');
    await plantMetric(scratch.at('disk', 'roots'), 'b', half);
    await plantMetric(scratch.at('disk', 'users'), 'b', half);
    await linkAs(0, scratch.at('disk', 'roots'), scratch.at('tree', 'roots'));
    await linkAs(1234, scratch.at('disk', 'users'), scratch.at('tree', 'users'));
    await linkAs(1234, '../disk/users/b.wsp', scratch.at('tree', 'file.wsp'));
    for (const name of ['.', 'b.wsp']) await chown(scratch.at('disk', 'users', name), 1234, 1234);
    for (const directory of ['roots', 'users']) {
      assert.equal(codeOf(await bring(scratch.at('tree'), whole, { path: `${directory}/b` })), 'backfilled');
      assert.equal(codeOf(await bring(scratch.at('tree'), half, { path: `${directory}/deep/c` })), 'restored');
      assert.deepEqual(new Uint8Array(await readFile(scratch.at('disk', directory, 'deep', 'c.wsp'))), half);
    }
    assert.equal((await stat(scratch.at('disk', 'users', 'deep', 'c.wsp'))).uid, 1234);
    assert.equal(codeOf(await bring(scratch.at('tree'), whole, { path: 'file' })), 'unchanged');
    assert.equal(codeOf(await bring(scratch.at('tree'), half, { path: 'file', overwrite: true })), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('disk', 'users', 'b.wsp'))), half);
    assert.ok((await lstat(scratch.at('tree', 'file.wsp'))).isSymbolicLink());
  });

  it('as root does not write to a file that a user has hard-linked into the tree', async () => {
    await using scratch = await createScratch();
    const outside = await plantMetric(scratch.at('outside'), 'b', half);
    await scratch.directory('tree', 'a');
    await chown(scratch.at('tree', 'a'), 1234, 1234);
    await link(outside, scratch.at('tree', 'a', 'b.wsp'));
    assert.equal(codeOf(await bring(scratch.at('tree'), whole)), 'FOREIGN_HARD_LINK');
    assert.deepEqual(new Uint8Array(await readFile(outside)), half);
    assert.equal(codeOf(await bring(scratch.at('tree'), whole, { overwrite: true })), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(outside)), half);
    assert.equal((await stat(outside)).uid, 0);
  });

  it('follows links inside the prefix, and a prefix that is a link', async () => {
    await using scratch = await createScratch();
    await scratch.directory('tree', 'real');
    await symlink('real', scratch.at('tree', 'a'));
    await symlink(scratch.at('tree'), scratch.at('link'));
    assert.equal(codeOf(await bring(scratch.at('link'), half)), 'restored');
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('tree', 'real', 'b.wsp'))), half);
    await symlink('b.wsp', scratch.at('tree', 'real', 'c.wsp'));
    assert.equal(codeOf(await bring(scratch.at('link'), whole, { path: 'a/c' })), 'backfilled');
    // What the link points to was filled, and the link is still one.
    assert.ok((await lstat(scratch.at('tree', 'real', 'c.wsp'))).isSymbolicLink());
  });

  it('fails if a directory or other file is in the way, and leaves it there', async () => {
    await using scratch = await createScratch();
    await mkdir(scratch.at('a', 'b.wsp'), { recursive: true });
    await writeFile(scratch.at('file'), 'x');
    const state = await stateOf(scratch.path);
    assert.equal(codeOf(await bring(scratch.path, whole, { overwrite: true })), 'NOT_REGULAR');
    assert.equal(codeOf(await bring(scratch.path, whole, { path: 'file/b' })), 'NOT_A_DIRECTORY');
    assert.equal(codeOf(await bring(scratch.path, whole, { path: `a/${'x'.repeat(252)}` })), 'ENAMETOOLONG');
    assert.deepEqual(await stateOf(scratch.path), state);
  });

  it('in a dry run writes nothing, and returns the same outcome', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'fill', half);
    await plantMetric(scratch.path, 'same', whole);
    await plantMetric(scratch.path, 'damaged', half.subarray(0, 50));
    const state = await stateOf(scratch.path);
    const said = async (options: Partial<PublishTask>) => {
      const codes = [];
      for (const path of ['fill', 'same', 'damaged', 'new/file'])
        codes.push(codeOf(await bring(scratch.path, whole, { ...options, path })));
      return codes;
    };
    const planned = await said({ dryRun: true });
    assert.deepEqual(planned, ['backfilled', 'unchanged', 'LOCAL_DAMAGED', 'restored']);
    const replaced = await said({ dryRun: true, overwrite: true });
    assert.deepEqual(replaced, ['restored', 'unchanged', 'restored', 'restored']);
    assert.deepEqual(await stateOf(scratch.path), state);
    assert.deepEqual(await said({}), planned);
  });

  it('leaves no temporary file if it cannot publish', async () => {
    await using scratch = await createScratch();
    await scratch.directory('a');
    let written: string[] = [];
    const result = await bringWhile(scratch.path, whole, () => {
      written = readdirSync(scratch.at('a'));
      throw new Error('the disk is gone');
    });
    assert.equal(result.outcome, 'failed');
    assert.equal(written.length, 1);
    assert.deepEqual(await readdir(scratch.at('a')), []);
  });

  it('writes to a temporary file in the same directory, unreadable for others until it is complete', async () => {
    await using scratch = await createScratch();
    await scratch.directory('a');
    const seen: { name: string; mode: number; size: number }[] = [];
    await bringWhile(scratch.path, whole, () => {
      for (const name of readdirSync(scratch.at('a'))) {
        const { mode, size } = statSync(scratch.at('a', name));
        seen.push({ name, mode: mode & 0o777, size });
      }
    });
    const [temporary, ...others] = seen;
    assert.deepEqual([others, temporary?.mode, temporary?.size], [[], 0o600, whole.length]);
    assert.doesNotMatch(temporary?.name ?? '', /\.wsp$/);
    assert.ok((temporary?.name.length ?? 99) < 30);
  });
});
