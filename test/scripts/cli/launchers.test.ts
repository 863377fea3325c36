import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createScratch } from '../../fixtures/scratch.ts';

const exec = promisify(execFile);
const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

/** Stands in for Node, and prints what it is started with. */
const standIn = '#!/bin/sh\necho "MALLOC_ARENA_MAX=$MALLOC_ARENA_MAX $*"\n';

const launchers = {
  checkout: fileURLToPath(new URL('../../../scripts/whisper-backup', import.meta.url)),
  release: scratch.at('bin/whisper-backup'),
};

describe('a launcher', () => {
  before(async () => {
    for (const directory of ['bin', 'runtime']) await mkdir(scratch.at(directory), { recursive: true });
    const source = new URL('../../../scripts/release/launcher.sh', import.meta.url);
    await copyFile(source, launchers.release);
    await writeFile(scratch.at('runtime/node'), standIn, { mode: 0o755 });
  });

  for (const [name, file] of Object.entries(launchers)) {
    it(`of a ${name} starts Node with little memory for young objects and for malloc`, async () => {
      const env = { PATH: `${scratch.at('runtime')}:/usr/bin:/bin` };
      const { stdout } = await exec('/bin/sh', [file, 'backup', 'a b'], { env });
      assert.match(stdout, /^MALLOC_ARENA_MAX=2 /);
      assert.match(stdout, / --max-semi-space-size=4 --v8-pool-size=2 .*whisper-backup\S* backup a b$/m);
    });

    it(`of a ${name} keeps the number of arenas of the environment`, async () => {
      const env = { PATH: `${scratch.at('runtime')}:/usr/bin:/bin`, MALLOC_ARENA_MAX: '7' };
      const { stdout } = await exec('/bin/sh', [file, 'backup'], { env });
      assert.match(stdout, /^MALLOC_ARENA_MAX=7 /);
    });
  }
});
