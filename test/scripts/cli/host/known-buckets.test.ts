import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { knownBuckets } from '../../../../scripts/cli/host/known-buckets.ts';
import { createScratch } from '../../../fixtures/scratch.ts';

const unexpected = {
  log(_level: string, message: string): never {
    throw new Error(message);
  },
};

/** Collects what is logged, with its level. */
function collect() {
  const lines: string[] = [];
  return { lines, log: (level: string, message: string) => void lines.push(`${level}: ${message}`) };
}

describe('the recorded buckets of a host', () => {
  it('are empty at first, then contain each once, in a directory that is created for them', async () => {
    await using scratch = await createScratch();
    const known = knownBuckets(scratch.at('deep', 'state'), unexpected);
    assert.deepEqual(await known.load(), []);
    for (const bucket of ['s3:one', 'disk:/two sp/', 's3:one']) await known.add(bucket);
    assert.deepEqual(await knownBuckets(scratch.at('deep', 'state'), unexpected).load(), ['disk:/two sp/', 's3:one']);
    assert.deepEqual(await readdir(scratch.at('deep', 'state')), ['buckets.json']);
  });

  it('are the newest hundred', async () => {
    await using scratch = await createScratch();
    const known = knownBuckets(scratch.path, unexpected);
    for (let i = 0; i < 103; i++) await known.add(`s3:b${i}`);
    const all = await known.load();
    assert.deepEqual([all.length, all[0], all.at(-1)], [100, 's3:b3', 's3:b102']);
  });

  it('are empty, with a warning, if the file is unreadable, and are then rewritten', async () => {
    await using scratch = await createScratch();
    const log = collect();
    const known = knownBuckets(scratch.path, log);
    for (const text of ['', '{', '{"version":2,"buckets":[]}', '{"version":1,"buckets":[7]}']) {
      await writeFile(scratch.at('buckets.json'), text);
      assert.deepEqual(await known.load(), []);
    }
    assert.equal(log.lines.length, 4);
    for (const line of log.lines)
      assert.match(
        line,
        /^warn: Cannot read .*buckets\.json \(the buckets this host has backed up to\): .*Remove the file/,
      );
    await known.add('s3:one');
    assert.deepEqual(await known.load(), ['s3:one']);
    assert.equal(log.lines.length, 4);
  });

  it('are ignored in a directory that other users may write, and are optional if they cannot be written', async () => {
    await using scratch = await createScratch();
    const log = collect();
    await mkdir(scratch.at('open'));
    await chmod(scratch.at('open'), 0o777);
    const open = knownBuckets(scratch.at('open'), log);
    assert.deepEqual(await open.load(), []);
    await open.add('s3:one');
    assert.deepEqual(await readdir(scratch.at('open')), []);
    await writeFile(scratch.at('file'), 'x');
    await knownBuckets(scratch.at('file'), log).add('s3:one');
    assert.equal(await readFile(scratch.at('file'), 'utf8'), 'x');
    assert.deepEqual(
      log.lines.map((line) => line.split(':')[0]),
      ['debug', 'debug', 'debug'],
    );
  });
});
