import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { BucketMissingError, DeniedError, NotFoundError, PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { runTypeScript } from '../fixtures/runtime.ts';
import { sh } from '../fixtures/sh.ts';
import { bytes, collect, keysOf, text } from './collect.ts';
import { conformance } from './conformance.ts';

for (const blocking of [false, true]) {
  conformance(blocking ? 'disk, blocking' : 'disk', async () => {
    const scratch = fs.mkdtempSync(path.join(tmpdir(), 'store-'));
    return {
      store: createDiskStore({ path: path.join(scratch, 'bucket'), blocking }),
      missing: createDiskStore({ path: path.join(scratch, 'deep', 'missing'), blocking }),
      dispose: async () => fs.rmSync(scratch, { recursive: true }),
    };
  });
}

/** Runs a test with an open store in a directory of its own, whose name a key may well contain. */
async function withBucket(test: (store: ObjectStore, bucket: string, scratch: string) => Promise<void>): Promise<void> {
  const scratch = fs.mkdtempSync(path.join(tmpdir(), 'store-'));
  const bucket = path.join(scratch, 'bucket');
  const store = createDiskStore({ path: bucket });
  try {
    await store.open({ create: true });
    await test(store, bucket, scratch);
  } finally {
    await store.close();
    fs.rmSync(scratch, { recursive: true });
  }
}

const temporaries = (bucket: string): string[] => fs.readdirSync(path.join(bucket, '.whisper-backup/tmp'));

describe('disk', () => {
  it('stores an object as a file: its key is the path', () =>
    withBucket(async (store, bucket) => {
      const umask = process.umask(0o022);
      try {
        await store.put('servers.web01.cpu/2026-11-22T03:14:15+00:00.wsp.gz', bytes('x'));
      } finally {
        process.umask(umask);
      }
      const directory = path.join(bucket, 'servers.web01.cpu');
      const file = path.join(directory, '2026-11-22T03:14:15+00:00.wsp.gz');
      assert.equal(fs.readFileSync(file, 'utf8'), 'x');
      assert.equal(fs.statSync(file).mode & 0o777, 0o644);
      assert.equal(fs.statSync(directory).mode & 0o777, 0o755);
      assert.equal(store.name, `disk:${bucket}`);
    }));

  it('never returns a truncated object, however often it is replaced', () =>
    withBucket(async (store, bucket) => {
      const body = (i: number) => new Uint8Array(300_000 + i * 1000).fill(i);
      await store.put('a/b', body(0));
      let writing = true;
      const write = async () => {
        for (let i = 1; i <= 60; i++) await store.put('a/b', body(i % 50));
        writing = false;
      };
      const read = async () => {
        let reads = 0;
        for (; writing; reads++) {
          const got = fs.readFileSync(path.join(bucket, 'a/b'));
          const i = got[0] ?? -1;
          assert.equal(got.length, 300_000 + i * 1000);
          assert.ok(got.every((byte) => byte === i));
          await new Promise((resolve) => setImmediate(resolve));
        }
        return reads;
      };
      const [, reads] = await Promise.all([write(), read()]);
      assert.ok(reads > 5);
      assert.deepEqual(temporaries(bucket), []);
    }));

  it('leaves no truncated object if the disk is full (entry 5 of the Python tool’s faults)', () =>
    withBucket(async (_, __, scratch) => {
      const mount = path.join(scratch, 'small');
      fs.mkdirSync(mount);
      sh`mount -t tmpfs -o size=256k tmpfs ${mount}`;
      try {
        const store = createDiskStore({ path: path.join(mount, 'bucket') });
        await store.open({ create: true });
        await store.put('kept/old', new Uint8Array(100_000).fill(1));
        await assert.rejects(store.put('kept/new', new Uint8Array(300_000)), (error) => {
          assert.ok(error instanceof PermanentError);
          assert.match(error.message, /kept\/new.*no space left.*ENOSPC/);
          return true;
        });
        await assert.rejects(store.put('kept/old', new Uint8Array(300_000)), PermanentError);
        await assert.rejects(store.put('other/deep/new', new Uint8Array(300_000)), PermanentError);
        const objects = await collect(store);
        assert.deepEqual(
          objects.map(({ key, size }) => [key, size]),
          [['kept/old', 100_000]],
        );
        assert.ok((await store.get('kept/old', { maxBytes: 100_000 })).every((byte) => byte === 1));
        assert.deepEqual(temporaries(path.join(mount, 'bucket')), []);
        // All of it is free again.
        await store.put('kept/new', new Uint8Array(100_000));
        await store.close();
      } finally {
        sh`umount -l ${mount}`;
      }
    }));

  it('leaves nothing if there is no space for a directory', () =>
    withBucket(async (_, __, scratch) => {
      const mount = path.join(scratch, 'small');
      fs.mkdirSync(mount);
      // Root, bucket, .whisper-backup, tmp, the temporary file, and one directory more.
      sh`mount -t tmpfs -o nr_inodes=7 tmpfs ${mount}`;
      try {
        const store = createDiskStore({ path: path.join(mount, 'bucket') });
        await store.open({ create: true });
        await assert.rejects(store.put('a/b/c/d', bytes('x')), PermanentError);
        assert.deepEqual(fs.readdirSync(path.join(mount, 'bucket')), ['.whisper-backup']);
        assert.deepEqual(temporaries(path.join(mount, 'bucket')), []);
        await store.put('a/d', bytes('x'));
        await store.close();
        // A purge can begin on a full disk.
        const fill = () => {
          for (let i = 0; i < 100; i++) fs.writeFileSync(path.join(mount, String(i)), '');
        };
        assert.throws(fill, { code: 'ENOSPC' });
        const full = createDiskStore({ path: path.join(mount, 'bucket') });
        await full.open({ create: true });
        await assert.rejects(full.put('a/e', bytes('x')), PermanentError);
        assert.equal(await full.clock(), undefined);
        assert.deepEqual(await full.delete(['a/d']), []);
        await full.close();
      } finally {
        sh`umount -l ${mount}`;
      }
    }));

  it('reports a read-only file system, and no clock for it', () =>
    withBucket(async (_, __, scratch) => {
      const mount = path.join(scratch, 'small');
      fs.mkdirSync(mount);
      sh`mount -t tmpfs -o size=256k tmpfs ${mount}`;
      try {
        const store = createDiskStore({ path: mount });
        await store.open({ create: true });
        await store.put('a/b', bytes('x'));
        sh`mount -o remount,ro ${mount}`;
        await assert.rejects(store.put('a/c', bytes('x')), (error) => {
          assert.ok(error instanceof PermanentError);
          assert.match(error.message, /read-only/);
          return true;
        });
        const [failure] = await store.delete(['a/b']);
        assert.equal(failure?.key, 'a/b');
        assert.ok(failure.error instanceof PermanentError);
        assert.equal(await store.clock(), undefined);
        assert.deepEqual(await keysOf(store), ['a/b']);
        await store.close();
        await assert.rejects(createDiskStore({ path: mount }).open({ create: true }), PermanentError);
        await createDiskStore({ path: mount }).open({ create: false });
      } finally {
        sh`umount -l ${mount}`;
      }
    }));

  it('leaves nothing of aborted puts after it is closed', () =>
    withBucket(async (store, bucket) => {
      const stop = new AbortController();
      const patient = withRetry(store);
      const puts = Array.from({ length: 64 }, (_, i) =>
        patient.put(`m/${i}`, new Uint8Array(1_000_000), { signal: stop.signal }),
      );
      await Promise.race(puts);
      stop.abort();
      const ended = await Promise.allSettled(puts);
      assert.ok(ended.some(({ status }) => status === 'rejected'));
      await patient.close();
      assert.deepEqual(temporaries(bucket), []);
    }));

  it('accepts names with [ ] * ?, and names that contain the bucket’s (entry 23)', () =>
    withBucket(async (store, bucket) => {
      const keys = ['a[0-9]*?/x', 'bucket/bucket/bucket', 'a1/x', `x${bucket.slice(1).replaceAll('/', '.')}/bucket`];
      for (const key of keys) await store.put(key, bytes(key));
      assert.deepEqual((await keysOf(store)).sort(), [...keys].sort());
      assert.deepEqual(await store.delete(['a[0-9]*?/x', 'bucket/bucket/bucket']), []);
      assert.deepEqual((await keysOf(store)).sort(), keys.slice(2).sort());
    }));

  it('rejects a name over 255 bytes with a clear error (entry 23)', () =>
    withBucket(async (store, bucket) => {
      await store.put(`${'x'.repeat(255)}/y`, bytes('x'));
      for (const name of ['x'.repeat(256), 'é'.repeat(128)]) {
        await assert.rejects(store.put(`${name}/y`, bytes('x')), (error) => {
          assert.ok(error instanceof PermanentError);
          assert.match(error.message, /name too long for a file system.*256 bytes/);
          return true;
        });
      }
      await store.put(`${'é'.repeat(127)}/y`, bytes('x'));
      assert.equal((await keysOf(store)).length, 2);
      assert.deepEqual(temporaries(bucket), []);
    }));

  it('rejects keys that are not a path below the bucket', () =>
    withBucket(async (store, bucket, scratch) => {
      fs.writeFileSync(path.join(scratch, 'secret'), 'secret');
      const keys = ['../secret', 'a/../../secret', '/etc/passwd', 'a//b', 'a/', './a', 'a/.', '..', '.'];
      for (const key of [...keys, '.whisper-backup/tmp/x', '.whisper-backup/tmp']) {
        await assert.rejects(store.get(key, { maxBytes: 1000 }), PermanentError, key);
        await assert.rejects(store.put(key, bytes('x')), PermanentError, key);
        const [failure] = await store.delete([key]);
        assert.ok(failure?.error instanceof PermanentError, key);
      }
      assert.equal(fs.readFileSync(path.join(scratch, 'secret'), 'utf8'), 'secret');
      assert.deepEqual(fs.readdirSync(scratch).sort(), ['bucket', 'secret']);
      await store.put('.whisper-backup/tmpfile', bytes('x'));
      await store.put('.whisper-backup/owner.json', bytes('x'));
      assert.deepEqual(await keysOf(store), ['.whisper-backup/owner.json', '.whisper-backup/tmpfile']);
      assert.ok(fs.existsSync(bucket));
    }));

  it('follows no symbolic link out of the bucket, nor lists one', () =>
    withBucket(async (store, bucket, scratch) => {
      const outside = path.join(scratch, 'outside');
      fs.mkdirSync(path.join(outside, 'empty'), { recursive: true });
      fs.writeFileSync(path.join(outside, 'file'), 'secret');
      await store.put('a/real', bytes('real'));
      fs.symlinkSync(outside, path.join(bucket, 'link'));
      fs.symlinkSync(path.join(outside, 'file'), path.join(bucket, 'a/file'));
      fs.symlinkSync('nowhere', path.join(bucket, 'dangling'));
      fs.symlinkSync('loop', path.join(bucket, 'loop'));

      assert.deepEqual(await keysOf(store), ['a/real']);
      assert.deepEqual(await keysOf(store, { prefix: 'link/' }), []);
      for (const key of ['link/file', 'a/file']) {
        await assert.rejects(store.get(key, { maxBytes: 10 }), PermanentError, key);
      }
      for (const key of ['link/new', 'link/empty/new', 'link/fresh/new', 'dangling/new', 'loop/new']) {
        await assert.rejects(store.put(key, bytes('x')), PermanentError, key);
      }
      for (const key of ['link/file', 'link/empty/x']) {
        const [failure] = await store.delete([key]);
        assert.ok(failure?.error instanceof PermanentError, key);
      }
      assert.deepEqual(fs.readdirSync(outside).sort(), ['empty', 'file']);
      // To replace the link itself touches nothing outside.
      await store.put('a/file', bytes('mine'));
      assert.equal(fs.readFileSync(path.join(outside, 'file'), 'utf8'), 'secret');
      assert.equal(text(await store.get('a/file', { maxBytes: 10 })), 'mine');
      assert.deepEqual(temporaries(bucket), []);
    }));

  it('may itself be reached through a symbolic link', () =>
    withBucket(async (store, bucket, scratch) => {
      await store.put('a/b', bytes('x'));
      fs.symlinkSync(bucket, path.join(scratch, 'alias'));
      const alias = createDiskStore({ path: path.join(scratch, 'alias') });
      await alias.open({ create: false });
      await alias.put('a/c', bytes('y'));
      assert.deepEqual(await keysOf(alias), ['a/b', 'a/c']);
      await alias.close();
    }));

  it('does not list special files and names that are not UTF-8, and does not hang on them', () =>
    withBucket(async (store, bucket) => {
      await store.put('a/x', bytes('x'));
      await store.put('a/\ufffd', bytes('genuine'));
      await store.put('\ufffd/x', bytes('genuine'));
      sh`mkfifo ${path.join(bucket, 'a/fifo')}`;
      // Two names that are no UTF-8 look the same as the genuine one.
      sh({ cwd: bucket })`printf x > a/$'\\377'; printf x > a/$'\\376'; mkdir $'\\377'; printf x > $'\\377/y'`;
      assert.deepEqual(await keysOf(store), ['a/x', 'a/\ufffd', '\ufffd/x']);
      await assert.rejects(store.get('a/fifo', { maxBytes: 10 }), PermanentError);
    }));

  it('does not list files that vanish meanwhile', () =>
    withBucket(async (store) => {
      const keys = Array.from({ length: 3000 }, (_, i) => `m${String(i).padStart(4, '0')}/backup`);
      for (const key of keys) await store.put(key, bytes('x'));
      const seen: string[] = [];
      for await (const { key } of store.list()) {
        seen.push(key);
        if (seen.length === 1) assert.deepEqual(await store.delete(keys.slice(1500)), []);
      }
      assert.deepEqual(seen.slice(0, 1500), keys.slice(0, 1500));
      assert.ok(seen.length < 3000, `${seen.length}`);
    }));

  it('reports a vanished bucket as missing, however large it was', () =>
    withBucket(async (store, bucket) => {
      for (let i = 0; i < 1000; i++) {
        fs.mkdirSync(path.join(bucket, `m${i}`));
        fs.writeFileSync(path.join(bucket, `m${i}`, 'x'), '');
      }
      assert.equal((await keysOf(store)).length, 1000);
      fs.renameSync(bucket, `${bucket}.lost`);
      await assert.rejects(keysOf(store), BucketMissingError);
      await assert.rejects(store.put('a/b', bytes('x')), BucketMissingError);
      fs.renameSync(`${bucket}.lost`, bucket);
      await store.put('a/b', bytes('x'));
    }));

  it('puts into directories that deletes keep removing', () =>
    withBucket(async (store) => {
      const worker = async (n: number) => {
        for (let round = 0; round < 100; round++) {
          await store.put(`a/b/c/${n}`, bytes('x'));
          assert.deepEqual(await store.delete([`a/b/c/${n}`]), []);
        }
      };
      await Promise.all(Array.from({ length: 6 }, (_, n) => worker(n)));
      assert.deepEqual(await keysOf(store), []);
    }));

  it('removes empty directories, never the bucket', () =>
    withBucket(async (store, bucket) => {
      await store.put('a/b/c', bytes('x'));
      await store.put('a/b/d', bytes('x'));
      await store.put('a/e', bytes('x'));
      await store.put('top', bytes('x'));
      await store.delete(['a/b/c']);
      assert.ok(fs.existsSync(path.join(bucket, 'a/b')));
      await store.delete(['a/b/d', 'top']);
      assert.deepEqual(fs.readdirSync(path.join(bucket, 'a')), ['e']);
      await store.delete(['a/e']);
      fs.rmSync(path.join(bucket, '.whisper-backup'), { recursive: true });
      await store.put('a/b', bytes('x'));
      fs.rmSync(path.join(bucket, '.whisper-backup'), { recursive: true });
      await store.delete(['a/b']);
      assert.deepEqual(fs.readdirSync(bucket), []);
    }));

  it('reports a file in the way of a new object', () =>
    withBucket(async (store, bucket) => {
      await store.put('a/b', bytes('x'));
      await assert.rejects(store.put('a', bytes('x')), /"a".*directory of that name is in the way/);
      await assert.rejects(store.put('a/b/c', bytes('x')), /"a\/b\/c".*a file is in the way/);
      await assert.rejects(store.put('a/b/c/d', bytes('x')), PermanentError);
      assert.deepEqual(temporaries(bucket), []);
      assert.deepEqual(await keysOf(store), ['a/b']);
    }));

  it('does not recreate a bucket that vanishes during a run', () =>
    withBucket(async (store, bucket) => {
      await store.put('a/b', bytes('x'));
      fs.renameSync(bucket, `${bucket}.unmounted`);
      await assert.rejects(store.put('a/c', bytes('x')), { code: 'BUCKET_MISSING' });
      await assert.rejects(keysOf(store), { code: 'BUCKET_MISSING' });
      assert.ok(!fs.existsSync(bucket));
    }));

  it('rejects a bucket that is a file', () =>
    withBucket(async (_, __, scratch) => {
      const file = path.join(scratch, 'file');
      fs.writeFileSync(file, 'x');
      for (const create of [true, false]) {
        await assert.rejects(createDiskStore({ path: file }).open({ create }), /not a directory/);
        await assert.rejects(createDiskStore({ path: `${file}/below` }).open({ create }), PermanentError);
      }
    }));

  it('sweeps temporary files older than an hour, but no directories, whose origin is unknown; a dry run removes nothing', () =>
    withBucket(async (store, bucket) => {
      await store.put('a/b', bytes('x'));
      const age = (at: string, seconds: number) => {
        const time = Date.now() / 1000 - seconds;
        fs.utimesSync(at, time, time);
        return at;
      };
      const file = (name: string, seconds: number) => {
        const at = path.join(bucket, '.whisper-backup/tmp', name);
        fs.writeFileSync(at, 'x');
        return age(at, seconds);
      };
      const directory = (name: string, seconds: number) => {
        const at = path.join(bucket, name);
        fs.mkdirSync(at, { recursive: true });
        return age(at, seconds);
      };
      const old = file('0'.repeat(32), 3700);
      file('1'.repeat(32), 3500);
      file('not-ours', 90_000);
      directory('idle-mount-point', 90_000);
      directory('sp/servers.web01.cpu', 90_000);
      directory('lost+found', 90_000);
      directory('.snapshot', 90_000);
      fs.symlinkSync(directory('sp2', 90_000), path.join(bucket, 'link'));
      fs.writeFileSync(path.join(bucket, 'sp2', 'foreign'), 'x');

      assert.deepEqual(await keysOf(store), ['a/b', 'sp2/foreign']);
      const before = fs.readdirSync(bucket, { recursive: true }).map(String).sort();
      const told = await store.sweep?.({ dryRun: true });
      assert.deepEqual([told?.removed, told?.failures], [[old], []]);
      assert.deepEqual(fs.readdirSync(bucket, { recursive: true }).map(String).sort(), before);

      await keysOf(store);
      assert.deepEqual((await store.sweep?.({ dryRun: false }))?.removed, [old]);
      const after = fs.readdirSync(bucket, { recursive: true }).map(String).sort();
      assert.deepEqual(
        after,
        before.filter((name) => name !== path.relative(bucket, old)),
      );
      assert.deepEqual(await keysOf(store), ['a/b', 'sp2/foreign']);
    }));

  it('returns the clock of the file system', () =>
    withBucket(async (store, bucket) => {
      const now = await store.clock();
      assert.ok(now && Math.abs(now.getTime() - Date.now()) < 5000);
      assert.deepEqual(temporaries(bucket), []);
    }));

  it('reports a missing object in an existing directory', () =>
    withBucket(async (store) => {
      await store.put('a/b', bytes('x'));
      await assert.rejects(store.get('a/c', { maxBytes: 1 }), NotFoundError);
      await assert.rejects(store.get('a', { maxBytes: 1 }), NotFoundError);
    }));
});

describe('disk without permission', () => {
  const script = fileURLToPath(new URL('./unprivileged.ts', import.meta.url));

  /** Runs `unprivileged.ts` as nobody, on the same runtime, and returns what it says of each call. */
  function asNobody(bucket: string): Record<string, string> {
    const command = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      ...runTypeScript,
      script,
      bucket,
    ];
    return JSON.parse(sh`setpriv ${command}`.stdout);
  }

  it('causes an error instead of an incomplete listing', () =>
    withBucket(async (store, bucket, scratch) => {
      await store.put('a/b', bytes('x'));
      await store.put('closed/b', bytes('x'));
      fs.chmodSync(scratch, 0o755);
      fs.chmodSync(path.join(bucket, 'closed'), 0o700);
      const denied = new DeniedError('x').code;
      assert.deepEqual(asNobody(bucket), {
        'open to read': 'done',
        'open to write': denied,
        list: denied,
        'list a/': 'a/b',
        'get a/b': 'x',
        'get closed/b': denied,
        put: denied,
        delete: denied,
        clock: 'unknown',
      });
      // May be listed, but not looked into; told by a thread, too.
      for (let i = 0; i < 1000; i++) fs.mkdirSync(path.join(bucket, `m${i}`), { mode: 0o755 });
      assert.equal(asNobody(bucket)['list'], denied);
      fs.chmodSync(path.join(bucket, 'closed'), 0o744);
      const { list } = asNobody(bucket);
      assert.equal(list, denied);
      fs.chmodSync(bucket, 0o700);
      assert.equal(asNobody(bucket)['open to read'], denied);
    }));
});
