import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { plantMetric } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { run } from './program.ts';

describe('hold', () => {
  it('adds, lists and releases holds, which are plain JSON in the bucket', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.at('tree'), 'servers/a');
    const common = ['--nolog', '--nostamp', '--nolock', '--prefix', scratch.at('tree'), '-b', scratch.at('bucket')];
    const hold = (...args: string[]) => run([...common, 'hold', ...args, 'disk']);
    assert.equal((await run([...common, 'backup', 'disk'])).code, 0);
    assert.deepEqual(await hold('list'), { code: 0, stdout: '', stderr: '' });

    const dry = await hold('-n', 'add', 'audit');
    assert.match(
      dry.stderr,
      /Would add the hold audit: it keeps the newest backup before .* of each matching metric \(backups: 1\)/,
    );
    assert.equal((await hold('list')).stdout, '');
    const added = await hold(
      '--json',
      'add',
      'audit',
      '--until',
      '2999-12-31',
      '--reason',
      'yearly audit',
      '-m',
      'servers.*',
    );
    assert.equal(added.code, 0, added.stderr);
    const record = JSON.parse(added.stdout);
    assert.deepEqual([record.name, record.backups, record.until], ['audit', 1, '2999-12-31T00:00:00+00:00']);
    const file = JSON.parse(await readFile(scratch.at('bucket', '.whisper-backup', 'holds', 'audit.json'), 'utf8'));
    assert.deepEqual([file.format, file.metrics, file.reason], ['whisper-backup hold 1', 'servers.*', 'yearly audit']);

    const listed = await hold('list');
    assert.match(listed.stdout, /^audit +before \S+ +servers\.\* +until 2999-12-31T00:00:00\+00:00 +yearly audit\n$/);
    const { backups: _, ...same } = record;
    assert.deepEqual(JSON.parse((await hold('--json', 'list')).stdout), same);
    assert.equal((await hold('release', 'audit')).code, 0);
    assert.equal((await hold('list')).stdout, '');
  });

  it('says what is wrong, with its exit code', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.at('tree'), 'a');
    const common = ['--nolog', '--nostamp', '--nolock', '--prefix', scratch.at('tree'), '-b', scratch.at('bucket')];
    const hold = (...args: string[]) => run([...common, 'hold', ...args, 'disk']);
    assert.equal((await hold('add', 'audit')).code, 10);
    assert.equal((await run([...common, 'backup', 'disk'])).code, 0);
    for (const words of [['keep', 'audit'], ['keep']]) {
      const wrong = await hold(...words);
      assert.deepEqual([wrong.code, /add, list or release: got "keep"/.test(wrong.stderr)], [2, true], wrong.stderr);
    }
    const none = await hold('add', 'audit', '-m', 'nothing.*');
    assert.deepEqual([none.code, /no backup before/.test(none.stderr)], [1, true], none.stderr);
    assert.equal((await hold('release', 'audit')).code, 1);
    await plantMetric(scratch.at('bucket', '.whisper-backup'), 'holds/x');
    const unreadable = await hold('list');
    assert.deepEqual([unreadable.code, /Cannot read the hold .*x\.wsp/.test(unreadable.stderr)], [3, true]);
    const stopped = await run([...common, '-r', '1', 'backup', 'disk']);
    assert.deepEqual([stopped.code, /Nothing was deleted: Cannot read the hold/.test(stopped.stderr)], [1, true]);
  });
});
