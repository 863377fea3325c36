import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { it } from 'node:test';
import { checkNativeFiles } from '../../../scripts/release/elf.ts';
import { createScratch } from '../../fixtures/scratch.ts';

function elf(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x7fELF', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

it('native files of the processor that a release is for are named', async () => {
  await using scratch = await createScratch();
  await scratch.directory('a');
  await writeFile(scratch.at('a/x.node'), elf(183));
  await writeFile(scratch.at('README'), 'text');
  assert.deepEqual(await checkNativeFiles(scratch.path, 'arm64'), ['a/x.node']);
});

it('a native file of another processor stops a release', async () => {
  await using scratch = await createScratch();
  await writeFile(scratch.at('node'), elf(62));
  await assert.rejects(checkNativeFiles(scratch.path, 'arm64'), /for arm64: node is for ELF machine 62/);
});

it('a native file of another system stops a release', async () => {
  await using scratch = await createScratch();
  await writeFile(scratch.at('x.node'), 'MZ, as on Windows');
  await assert.rejects(checkNativeFiles(scratch.path, 'x64'), /x\.node is not in the ELF format/);
});
