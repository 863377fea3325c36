import assert from 'node:assert/strict';
import { chmod, chown, lchown, mkdir, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backupKey } from '../../lib/bucket/layout.ts';
import { codeOf } from '../../lib/common/errors.ts';
import { each } from '../../lib/common/pages.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { walkNow } from '../../lib/tree/local-tree.ts';
import { checkPrefix, presence } from '../../lib/tree/presence.ts';
import { walk } from '../../lib/tree/walk.ts';
import { plantMetrics } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';
import { walkAsNobody } from '../fixtures/unprivileged.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** Names that sort before, between and after the separators, contain escapes, or sort differently in UTF-16. */
const piece = fc.constantFrom(
  ...['.', '-', '%', '%2E', '%25', '2E', '!', 'a', 'b', '0', ' ', '+', ',', ':', '\x7f', '\x01', '\n', '\\'],
  ...['é', 'ÿ', '\u0800', '\ud7ff', '\ue000', '～', '\ufffd', '\uffff', '😀', '\u{1f601}', '\u{10ffff}', '.wsp'],
);
const name = fc
  .array(piece, { minLength: 1, maxLength: 3 })
  .map((pieces) => pieces.join(''))
  .filter((name) => name !== '.' && name !== '..');
const paths = fc.uniqueArray(
  fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
  { minLength: 1, maxLength: 12 },
);

const SHA1 = '0'.repeat(40);

function keyOf(path: string): string {
  return backupKey('', path, '2026-11-22T03:14:15+00:00', SHA1, 'gz');
}

/** Creates as many of these paths as possible: one may be a directory of another. */
async function plantSome(prefix: string, paths: readonly string[]): Promise<string[]> {
  const planted: string[] = [];
  for (const path of paths) {
    try {
      await mkdir(dirname(`${prefix}/${path}.wsp`), { recursive: true });
      await writeFile(`${prefix}/${path}.wsp`, '');
      planted.push(path);
    } catch (error) {
      assert.match(codeOf(error), /^(EISDIR|ENOTDIR|EEXIST)$/);
    }
  }
  return planted;
}

async function walked(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const item of each(walk(prefix)))
    found.push(item.kind === 'file' ? item.path : `blind ${item.metricPrefix}`);
  return found;
}

async function listed(store: ObjectStore, paths: readonly string[]): Promise<string[]> {
  await store.open({ create: true });
  for (const path of paths) await store.put(keyOf(path), new Uint8Array(1));
  const keys: string[] = [];
  for await (const { key } of store.list()) keys.push(key);
  await store.close();
  return keys;
}

describe('walk', () => {
  it('yields files in the order in which stores list their backups', async () => {
    await fc.assert(
      fc.asyncProperty(paths, async (paths) => {
        await using scratch = await createScratch();
        const planted = await plantSome(await scratch.directory('tree'), paths);
        const found = await walked(scratch.at('tree'));
        assert.deepEqual(found.toSorted(), planted.toSorted());
        const keys = found.map(keyOf);
        assert.deepEqual(await listed(createMemoryStore(), planted), keys);
        assert.deepEqual(await listed(createDiskStore({ path: scratch.at('bucket') }), planted), keys);
      }),
      { numRuns: 60 },
    );
  });

  it('yields metric, path and file of each file', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a.b/c']);
    const files = [];
    for await (const item of each(walk(`${scratch.path}//`))) files.push(item);
    const file = `${scratch.path}/a.b/c.wsp`;
    assert.deepEqual(files, [{ kind: 'file', order: 'a%2Eb.c/', metric: 'a%2Eb.c', path: 'a.b/c', file }]);
  });

  it('skips files that do not end in .wsp, and walks directories that do', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'dir.wsp/b']);
    for (const name of ['readme', 'a.wsp.bak', 'a.WSP', 'wsp', '.wb-0123.tmp', 'x.wsp.damaged-2026'])
      await writeFile(scratch.at(name), '');
    assert.deepEqual(await walked(scratch.path), ['dir.wsp/b', 'a'].sort());
  });

  it('follows links to files and directories, under the names of the links', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['real/a']);
    await plantMetrics(scratch.at('elsewhere'), ['b', 'deep/c']);
    await symlink(scratch.at('elsewhere', 'b.wsp'), scratch.at('tree', 'linked.wsp'));
    await symlink('gone.wsp', scratch.at('tree', 'dangling.wsp'));
    await symlink(scratch.at('elsewhere'), scratch.at('tree', 'directory'));
    await symlink('../real', scratch.at('tree', 'real', 'x.wsp'));
    await symlink('../../elsewhere/deep', scratch.at('tree', 'real', 'y.wsp'));
    await symlink('../../elsewhere/b.wsp', scratch.at('tree', 'real', 'to a file'));
    // A dangling link is yielded, so that the backup can report it.
    assert.deepEqual(await walked(scratch.at('tree')), [
      ...['dangling', 'directory/b', 'directory/deep/c', 'linked', 'real/a', 'blind real.x%2Ewsp.', 'real/y.wsp/c'],
    ]);
  });

  it('keeps the order of links to directories, directories and files with similar names', async () => {
    await fc.assert(
      fc.asyncProperty(paths, async (paths) => {
        await using scratch = await createScratch();
        const planted = await plantSome(await scratch.directory('tree'), paths);
        await scratch.directory('elsewhere');
        for (const [i, name] of (await readdir(scratch.at('tree'))).entries()) {
          if (i % 2 === 0 || !(await stat(scratch.at('tree', name))).isDirectory()) continue;
          await rename(scratch.at('tree', name), scratch.at('elsewhere', name));
          await symlink(`../elsewhere/${name}`, scratch.at('tree', name));
        }
        const found = await walked(scratch.at('tree'));
        assert.deepEqual(found.toSorted(), planted.toSorted());
        assert.deepEqual(await listed(createMemoryStore(), planted), found.map(keyOf));
      }),
      { numRuns: 30 },
    );
  });

  it('reports looping, dangling and invalid links, with the prefix of the metrics below', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a/b/c', 'z']);
    const links = { 'a/b/up': '..', 'a/b/self': '.', 'a/gone.d': '../nowhere/at all', round: 'round', top: '../tree' };
    for (const [name, target] of Object.entries(links)) await symlink(target, scratch.at('tree', name));
    const found: string[] = [];
    for await (const item of each(walk(scratch.at('tree'))))
      found.push(item.kind === 'file' ? item.path : `${codeOf(item.error)} ${item.metricPrefix}`);
    const dangling = 'DANGLING_LINK a.gone%2Ed.';
    const loops = ['LINK_LOOP a.b.self.', 'LINK_LOOP a.b.up.', 'LINK_LOOP round.', 'LINK_LOOP top.'];
    assert.deepEqual(found, ['a/b/c', ...loops.slice(0, 2), dangling, ...loops.slice(2), 'z']);
  });

  it('reports a link whose target cannot be read', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a']);
    await plantMetrics(scratch.at('closed', 'inner'), ['b']);
    await chmod(scratch.at('closed', 'inner'), 0o000);
    await symlink(scratch.at('closed', 'inner'), scratch.at('tree', 'unreadable'));
    assert.deepEqual(await walkAsNobody(scratch.at('tree')), ['a', 'blind unreadable. EACCES']);
    await chmod(scratch.at('closed'), 0o000);
    assert.deepEqual(await walkAsNobody(scratch.at('tree')), ['a', 'blind unreadable. EACCES']);
  });

  it('follows links of another user as root only to directories of that user', async () => {
    await using scratch = await createScratch();
    for (const name of ['roots', 'users', 'others']) await plantMetrics(scratch.at(name), ['x']);
    await chown(scratch.at('users'), 1234, 1234);
    await chown(scratch.at('others'), 77, 77);
    await scratch.directory('tree');
    for (const name of ['roots', 'users', 'others']) {
      await symlink(scratch.at(name), scratch.at('tree', name));
      await lchown(scratch.at('tree', name), 1234, 1234);
    }
    await symlink(scratch.at('others'), scratch.at('tree', 'by root'));
    // Root’s own link, by way of one that root may not follow.
    await symlink(scratch.at('tree', 'others'), scratch.at('indirect'));
    await symlink(scratch.at('indirect'), scratch.at('tree', 'by another'));
    const blind = ['blind by another.', 'by root/x', 'blind others.', 'blind roots.'];
    assert.deepEqual(await walked(scratch.at('tree')), [...blind, 'users/x']);
    await rm(scratch.at('tree', 'by another'));
    assert.deepEqual(await walkAsNobody(scratch.at('tree')), ['by root/x', 'others/x', 'roots/x', 'users/x']);
  });

  it('does not read skipped directories', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a/x', 'b/c/x', 'b/d/x', 'bc/x']);
    const found: string[] = [];
    for await (const item of each(walk(scratch.at('tree'), { skip: ['a.', 'b.c.'] })))
      found.push(item.kind === 'file' ? item.path : 'blind');
    assert.deepEqual(found, ['b/d/x', 'bc/x']);
  });

  it('skips lost+found only in the root of a file system', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'lost+found/b']);
    await scratch.directory('tree', 'disk');
    using mounted = new Tmpfs(scratch.at('tree', 'disk'), 'size=1m');
    await plantMetrics(mounted.path, ['c', 'lost+found/d', 'inner/lost+found/e']);
    await chmod(mounted.at('lost+found'), 0o000);
    await symlink('disk', scratch.at('tree', 'link'));
    const below = ['c', 'inner/lost+found/e'];
    const expected = [...['a'], ...below.map((path) => `disk/${path}`), ...below.map((path) => `link/${path}`)];
    assert.deepEqual(await walked(scratch.at('tree')), [...expected, 'lost+found/b']);
    assert.deepEqual(await walkAsNobody(scratch.at('tree')), [...expected, 'lost+found/b']);
    assert.deepEqual(await walked(mounted.path), below);
  });

  it('follows a prefix that is a link', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a']);
    await symlink(scratch.at('tree'), scratch.at('link'));
    assert.deepEqual(await walked(scratch.at('link')), ['a']);
  });

  it('skips a directory that vanishes during the walk', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b/x', 'c']);
    const found: string[] = [];
    // What a thread would be ahead of us.
    for (const item of walkNow(scratch.path, { stat: false })) {
      found.push(item.kind === 'file' ? item.path : 'blind');
      await rm(scratch.at('b'), { recursive: true, force: true });
    }
    assert.deepEqual(found, ['a', 'c']);
  });

  it('reports a directory that cannot be listed, with the prefix of the metrics below', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'b.c/x', 'd']);
    await chmod(scratch.at('tree', 'b.c'), 0o000);
    const output = await walkAsNobody(scratch.at('tree'));
    assert.deepEqual(output, ['a', 'blind b%2Ec. EACCES', 'd']);
  });

  it('throws if the prefix itself cannot be listed', async () => {
    await using scratch = await createScratch();
    await assert.rejects(walked(scratch.at('missing')), { code: 'ENOENT' });
    await scratch.directory('tree');
    await chmod(scratch.at('tree'), 0o000);
    assert.deepEqual(await walkAsNobody(scratch.at('tree')), ['EACCES']);
  });

  it('reports every name that is not UTF-8, and stays in order', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'z', '～']);
    // Two names that look alike once decoded, a directory, and a name that is valid and looks the same.
    const inTree = sh({ cwd: scratch.path });
    inTree`touch b$'\\xff'.wsp b$'\\xfe'.wsp && mkdir c$'\\xff' && touch c$'\\xff'/x.wsp`;
    await writeFile(scratch.at('d\ufffd.wsp'), '');
    inTree`touch d$'\\xff'.wsp`;
    const found: string[] = [];
    for await (const item of each(walk(scratch.path)))
      found.push(item.kind === 'file' ? item.path : `${codeOf(item.error)} ${item.metricPrefix}`);
    const notUtf8 = 'NAME_NOT_UTF8 ';
    assert.deepEqual(found, ['a', notUtf8, notUtf8, notUtf8, 'd\ufffd', notUtf8, 'z', '～']);
  });
});

describe('presence', () => {
  it('is missing only if the system reports ENOENT', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a']);
    await symlink('nowhere', scratch.at('dangling.wsp'));
    assert.equal(await presence(scratch.at('a.wsp')), 'present');
    assert.equal(await presence(scratch.at('dangling.wsp')), 'present');
    assert.equal(await presence(scratch.at('b.wsp')), 'missing');
    assert.equal(await presence(scratch.at('b', 'c.wsp')), 'missing');
    // ENOTDIR, ENAMETOOLONG, ELOOP.
    assert.equal(await presence(`${scratch.at('a.wsp')}/b.wsp`), 'unknown');
    assert.equal(await presence(scratch.at('x'.repeat(300))), 'unknown');
    await symlink('loop', scratch.at('loop'));
    assert.equal(await presence(scratch.at('loop', 'b.wsp')), 'unknown');
    // Below a link that dangles ENOENT says nothing; below one that does not, it does.
    await scratch.directory('empty');
    await symlink('empty', scratch.at('link'));
    for (const name of ['b.wsp', 'b/c.wsp', 'b/c/d.wsp']) {
      assert.equal(await presence(`${scratch.at('dangling.wsp')}/${name}`), 'unknown');
      assert.equal(await presence(`${scratch.at('link')}/${name}`), 'missing');
      assert.equal(await presence(`${scratch.at('empty')}/${name}`), 'missing');
    }
  });
});

describe('checkPrefix', () => {
  it('rejects a missing path and a file', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a']);
    await checkPrefix(scratch.path);
    await assert.rejects(checkPrefix(scratch.at('b')), { code: 'TREE_MISSING', message: /\(--prefix\)/ });
    await symlink(scratch.path, scratch.at('link'));
    await checkPrefix(scratch.at('link'));
    await lchown(scratch.at('link'), 1234, 1234);
    await assert.rejects(checkPrefix(scratch.at('link')), { code: 'UNTRUSTED_LINK' });
    await assert.rejects(checkPrefix(scratch.at('a.wsp')), { code: 'TREE_MISSING', message: /is not a directory/ });
  });
});
