import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { it } from 'node:test';
import { leftOut } from '../../../scripts/release/left-out.ts';
import { createScratch } from '../../fixtures/scratch.ts';

it('a native part that npm left out is reported, for its processor', async () => {
  await using scratch = await createScratch();
  const packages = {
    '': { name: 'program' },
    'node_modules/there': {},
    'node_modules/native-x64': { optional: true, os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    'node_modules/native-arm64': { optional: true, os: 'linux', cpu: 'arm64' },
    'node_modules/native-musl': { optional: true, os: ['linux'], libc: ['musl'] },
    'node_modules/for-macs': { optional: true, os: ['darwin'] },
    'node_modules/not-for-linux': { optional: true, os: ['!linux'] },
    'node_modules/not-for-windows': { optional: true, os: ['!win32'] },
    'node_modules/tool': { dev: true },
    'node_modules/tool-and-peer': { devOptional: true },
  };
  await writeFile(scratch.at('package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
  const installed = async (name: string) => {
    await mkdir(scratch.at('node_modules', name), { recursive: true });
    await writeFile(scratch.at('node_modules', name, 'package.json'), '{}');
  };
  await installed('there');
  assert.deepEqual(await leftOut(scratch.path, 'x64'), ['node_modules/native-x64', 'node_modules/not-for-windows']);
  await installed('not-for-windows');
  assert.deepEqual(await leftOut(scratch.path, 'arm64'), ['node_modules/native-arm64']);
  await installed('native-x64');
  assert.deepEqual(await leftOut(scratch.path, 'x64'), []);
});
