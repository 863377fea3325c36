import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTypeScript } from '../fixtures/runtime.ts';

/** Runs a fixture that may have so many files open, and raise that no more. Loading TypeScript takes up to 100. */
async function withFiles(limit: number, fixture: string): Promise<string> {
  const script = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
  const command = ['-c', `ulimit -n ${limit}; exec "$@"`, 'bash', process.execPath, ...runTypeScript, script];
  const child = spawn('bash', command, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += String(chunk);
    });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  return said;
}

describe('a pool of 64 threads', () => {
  it('starts fewer if the process may open too few files for them, and logs the remedy', async () => {
    const { said, done } = JSON.parse(await withFiles(1024, 'frugal-pool.ts'));
    assert.equal(done, 2);
    assert.equal(said.length, 1, said);
    // 30 files for each thread, of those that the runtime leaves.
    assert.match(
      said[0],
      /^Using (2\d|3\d) of 64 worker threads, because this process may open too few files: raise the limit \(ulimit -n/,
    );
  });

  it('says nothing if it may open enough', async () => {
    const { said, done } = JSON.parse(await withFiles(4096, 'frugal-pool.ts'));
    assert.deepEqual({ said, done }, { said: [], done: 2 });
  });
});

// Deno ends with a panic of its own when it cannot start a thread.
if (!('Deno' in globalThis)) {
  describe('a pool whose threads cannot start, because too many files are open', () => {
    it('fails its tasks, or runs them in the threads that did start', async () => {
      const said = await withFiles(150, 'hungry-pool.ts');
      assert.match(said, /failed 20 of 20, THREAD_FAILED|done 20 of 20/);
    });
  });
}
