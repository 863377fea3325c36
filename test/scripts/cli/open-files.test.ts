import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram, runTypeScript } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree, readTree } from '../../fixtures/tree.ts';

const NAMES = Array.from({ length: 200 }, (_, i) => `d${i % 9}/m${i}.wsp`);

/** Lets a program have so many files open, and raise that no more. */
function withFiles(limit: number) {
  return (command: readonly string[]) => ['bash', '-c', `ulimit -n ${limit}; exec "$@"`, 'bash', ...command];
}

describe('a process with a low limit of open files', () => {
  it('backs up, verifies and restores everything with fewer threads, and logs why', async () => {
    await using scratch = await createScratch();
    const files = await plantTree(scratch.at('tree'), NAMES);
    for (const args of [
      ['-p', scratch.at('tree'), 'backup'],
      ['-p', scratch.at('back'), 'restore'],
      ['verify', '--read-data'],
    ]) {
      const words = ['-f', '16', ...args, 'disk', scratch.at('disk')];
      const { code, stderr } = await runProgram(words, { wrap: withFiles(84) });
      assert.equal(code, 0, stderr);
      // With 84 files there is one thread however many files the runtime opens for itself: 15 to 25, by kernel and version.
      // On a machine with one processor, a run asks for one thread, and any limit is high enough for that.
      assert.equal(
        /Using 1 of \d+ worker threads, because this process may open too few files: raise the limit \(ulimit -n/.test(
          stderr,
        ),
        availableParallelism() > 1,
        stderr,
      );
    }
    assert.deepEqual(await readTree(scratch.at('back')), files);
  });

  it('uses all its threads if the limit is high enough', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), NAMES);
    const args = ['-f', '16', '-p', scratch.at('tree'), 'backup', 'disk', scratch.at('disk')];
    const { code, stderr } = await runProgram(args, { wrap: withFiles(1024) });
    assert.deepEqual([code, /worker threads/.test(stderr)], [0, false], stderr);
  });

  // Deno ends with a panic of its own when it cannot start a thread.
  if (!('Deno' in globalThis)) {
    it('works with the running threads if others cannot be started', async () => {
      const script = fileURLToPath(new URL('../../fixtures/hungry-pool.ts', import.meta.url));
      const [program = '', ...args] = withFiles(150)([process.execPath, ...runTypeScript, script]);
      const child = spawn(program, args, {
        cwd: fileURLToPath(new URL('../../..', import.meta.url)),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          said += String(chunk);
        });
      const [code] = await once(child, 'close');
      assert.equal(code, 0, said);
      assert.match(said, /failed 20 of 20, THREAD_FAILED|done 20 of 20/);
    });
  }
});
