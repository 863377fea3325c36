import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backupKey } from '../../lib/bucket/layout.ts';
import { codeOf } from '../../lib/errors.ts';
import { createDiskStore } from '../../lib/store/disk.ts';
import { createMemoryStore } from '../../lib/store/memory.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { walkNow } from '../../lib/tree/localtree.ts';
import { checkPrefix, presence, walk } from '../../lib/tree/walk.ts';
import { plantMetrics } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { walkAsNobody } from '../fixtures/unprivileged.ts';

/** What sorts before, between and after the separators, reads like an escape, or where UTF-16 orders otherwise. */
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

/** Makes what can be made of these paths: one may be a directory of another. */
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
  for await (const item of walk(prefix)) found.push(item.kind === 'file' ? item.path : `blind ${item.metricPrefix}`);
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
  it('goes in the order in which stores list what backup writes', async () => {
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

  it('tells each file by metric, path and place', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a.b/c']);
    const files = [];
    for await (const item of walk(`${scratch.path}//`)) files.push(item);
    const file = `${scratch.path}/a.b/c.wsp`;
    assert.deepEqual(files, [{ kind: 'file', order: 'a%2Eb.c/', metric: 'a%2Eb.c', path: 'a.b/c', file }]);
  });

  it('passes over what does not end in .wsp, and goes into directories that do', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'dir.wsp/b']);
    for (const name of ['readme', 'a.wsp.bak', 'a.WSP', 'wsp', '.wb-0123.tmp', 'x.wsp.damaged-2026'])
      await writeFile(scratch.at(name), '');
    assert.deepEqual(await walked(scratch.path), ['dir.wsp/b', 'a'].sort());
  });

  it('follows links to files and none to directories, so that no circle catches it', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['real/a']);
    await plantMetrics(scratch.at('elsewhere'), ['b']);
    await symlink(scratch.at('elsewhere', 'b.wsp'), scratch.at('tree', 'linked.wsp'));
    await symlink('gone.wsp', scratch.at('tree', 'dangling.wsp'));
    await symlink(scratch.at('elsewhere'), scratch.at('tree', 'directory'));
    await symlink('..', scratch.at('tree', 'real', 'circle'));
    // A dangling link is told, so that the backup can say what is wrong with it.
    assert.deepEqual(await walked(scratch.at('tree')), ['dangling', 'linked', 'real/a']);
  });

  it('begins at a prefix that is a link', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a']);
    await symlink(scratch.at('tree'), scratch.at('link'));
    assert.deepEqual(await walked(scratch.at('link')), ['a']);
  });

  it('passes over a directory that vanishes while it looks', async () => {
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

  it('tells of a directory that cannot be listed, and what every metric below begins with', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'b.c/x', 'd']);
    await chmod(scratch.at('tree', 'b.c'), 0o000);
    const output = await walkAsNobody(scratch.at('tree'));
    assert.deepEqual(output, ['a', 'blind b%2Ec. EACCES', 'd']);
  });

  it('throws when the prefix itself cannot be listed', async () => {
    await using scratch = await createScratch();
    await assert.rejects(walked(scratch.at('missing')), { code: 'ENOENT' });
    await scratch.directory('tree');
    await chmod(scratch.at('tree'), 0o000);
    assert.deepEqual(await walkAsNobody(scratch.at('tree')), ['EACCES']);
  });

  it('tells of names that are not UTF-8, each one, and stays in order', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'z', '～']);
    // Two names that look alike once decoded, a directory, and a name that is valid and looks the same.
    execFileSync(
      'bash',
      ['-c', String.raw`touch b$'\xff'.wsp b$'\xfe'.wsp && mkdir c$'\xff' && touch c$'\xff'/x.wsp`],
      {
        cwd: scratch.path,
      },
    );
    await writeFile(scratch.at('d\ufffd.wsp'), '');
    execFileSync('bash', ['-c', String.raw`touch d$'\xff'.wsp`], { cwd: scratch.path });
    const found: string[] = [];
    for await (const item of walk(scratch.path))
      found.push(item.kind === 'file' ? item.path : `${codeOf(item.error)} ${item.metricPrefix}`);
    const notUtf8 = 'NAME_NOT_UTF8 ';
    assert.deepEqual(found, ['a', notUtf8, notUtf8, notUtf8, 'd\ufffd', notUtf8, 'z', '～']);
  });
});

describe('presence', () => {
  it('says missing only where the system says ENOENT', async () => {
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
  });
});

describe('checkPrefix', () => {
  it('refuses what is not there, or no directory', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a']);
    await checkPrefix(scratch.path);
    await assert.rejects(checkPrefix(scratch.at('b')), { code: 'TREE_MISSING', message: /\(--prefix\)/ });
    await assert.rejects(checkPrefix(scratch.at('a.wsp')), { code: 'TREE_MISSING', message: /is not a directory/ });
  });
});
