import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { renamesOf } from '../../../scripts/cli/run/renames.ts';
import { plantMetrics } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { readTree } from '../../fixtures/tree.ts';
import { run } from './program.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

describe('--rename on the command line', () => {
  const own = ['--nolog', '--nolock', '--nostamp', '--no-cache', '--state-dir', scratch.at('state'), '-b', 'b'];
  const disk = ['disk', `path=${scratch.at('stores')}`];
  before(async () => {
    await plantMetrics(scratch.at('tree'), ['a/x', 'a/t;k=v', 'b/x']);
    const backup = await run([...own, '--prefix', scratch.at('tree'), '--quiet', 'backup', ...disk]);
    assert.equal(backup.code, 0, backup.stderr);
  });

  const restore = (to: string, ...args: readonly string[]) =>
    run([...own, '--prefix', scratch.at(to), '--no-color', ...args, 'restore', ...disk]);
  const list = (...args: readonly string[]) => run([...own, '--no-color', ...args, 'list', ...disk]);

  it('previews new names in list, as text and as JSON, and what a restore would refuse', async () => {
    const text = await list('-m', 'a.*', '--rename', 'a=c.d');
    assert.equal(text.code, 0);
    assert.match(text.stdout, /a\.x -> c\.d\.x$/m);
    assert.doesNotMatch(text.stderr, /would/);
    const json = await list('-m', 'a.x', '--json', '--rename', 'a=c.d');
    const { metric, target } = JSON.parse(json.stdout);
    assert.deepEqual([metric, target], ['a.x', 'c.d.x']);
    const both = await list('--rename', 'a=c', '--rename', 'b=c');
    assert.equal(both.stdout.split('\n').length - 1, 3);
    assert.match(both.stderr, /A restore would stop: .*a\.x and b\.x would both become c\.x.*--merge/);
  });

  it('names both names in a dry run, on the terminal and with --json, and writes nothing', async () => {
    const { code, stdout, stderr } = await restore(
      'dry',
      ...['-n', '--json', '-m', 'b.*', '--rename', 'b.x=c.y', '--rename', 'mistyped=z'],
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).renamed, [{ metric: 'b.x', target: 'c.y', outcome: 'restored' }]);
    assert.match(stderr, /b\.x -> c\.y: would be restored/);
    assert.match(stderr, /The rule mistyped=z has renamed nothing/);
    assert.doesNotMatch(stderr, /The rule b\.x/);
    await assert.rejects(readTree(scratch.at('dry')), { code: 'ENOENT' });
  });

  it('reads rules from a file, with a tab for names with a =', async () => {
    const file = scratch.at('rules');
    await writeFile(file, '# moved\n\na.x=new.x\r\na.t;k=v\tnew.t;k=w\n');
    const { code, stderr } = await restore('filed', '--rename-file', file, '--rename', 'b=c');
    assert.equal(code, 0, stderr);
    const source = await readTree(scratch.at('tree'));
    const found = await readTree(scratch.at('filed'));
    assert.deepEqual([...found.keys()].toSorted(), ['c/x.wsp', 'new/t;k=w.wsp', 'new/x.wsp']);
    assert.deepEqual(found.get('new/t;k=w.wsp'), source.get('a/t;k=v.wsp'));
  });

  it('refuses two metrics with one new name, with exit code 1, unless --merge is given', async () => {
    const rules = ['--rename', 'a=c', '--rename', 'b=c'];
    const refused = await restore('both', ...rules);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot rename: a\.x and b\.x would both become c\.x/);
    const merged = await restore('both', ...rules, '--merge');
    assert.equal(merged.code, 0, merged.stderr);
    assert.equal((await readTree(scratch.at('both'))).size, 2);
  });

  it('refuses rules that are none, and says which', async () => {
    await writeFile(scratch.at('bad'), 'a=b\nc\n');
    const refusal = (options: Readonly<Record<string, readonly string[]>>) =>
      renamesOf({ option: (name) => options[name]?.at(-1), options: (name) => options[name] ?? [] });
    for (const [options, code, message] of [
      [{ rename: ['a'] }, 'USAGE', /--rename must be OLD=NEW.*got "a"/],
      [{ rename: ['a=b=c'] }, 'USAGE', /names with a = need a tab/],
      [{ renameFile: [scratch.at('bad')] }, 'CONFIG', /line 2 of the rename file .*got "c"/],
      [{ renameFile: [scratch.at('none')] }, 'CONFIG', /Cannot read the rename file .*no such file/],
      [{ merge: ['true'] }, 'USAGE', /--merge needs --rename/],
      [{ rename: ['a.*=b'] }, 'USAGE', /Cannot rename a\.\*: .*no wildcards: select metrics with -m/],
    ] as const)
      await assert.rejects(refusal(options), { code, message });
    const { code, stderr } = await restore('bad', '--rename', 'a=.b');
    assert.equal(code, 2);
    assert.match(stderr, /"\.b" is not the name of a metric/);
  });
});
