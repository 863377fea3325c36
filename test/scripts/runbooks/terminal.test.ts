import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { Bastion } from './bastion.ts';

describe('a runbook on a terminal', () => {
  let scratch: Scratch;
  let on: Bastion;
  before(async () => {
    scratch = await createScratch();
    on = await Bastion.create(scratch);
  });
  after(() => scratch[Symbol.asyncDispose]());

  it('shows its plan and does nothing if the answer is no', async () => {
    const { code, stdout } = await on.onTerminal('bucket-damaged', ['--host', 'h1'], [['Run these 4 steps?', 'n']]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /1\. verify: Read every backup of h1/);
    assert.match(stdout, /Nothing was done/);
    assert.deepEqual(await on.calls(), []);
  });

  it('asks again before it changes something, and continues from there when resumed', async () => {
    const no = await on.onTerminal(
      'bucket-damaged',
      ['--host', 'h1'],
      [
        ['Run these 4 steps?', 'y'],
        ['Move the damaged backups of h1 aside?', 'n'],
      ],
    );
    assert.equal(no.code, 1, no.stdout);
    assert.match(no.stdout, /Stopped before step 'repair', which was declined/);
    assert.equal((await on.calls()).length, 1);
    const yes = await on.onTerminal(
      'bucket-damaged',
      ['--host', 'h1', '--resume'],
      [
        ['Run these 4 steps?', 'y'],
        ['Move the damaged backups of h1 aside?', 'y'],
      ],
    );
    assert.equal(yes.code, 0, yes.stdout);
    assert.equal((await on.calls()).length, 4);
  });

  it('treats Ctrl-C at a question as no', async () => {
    const { code, stdout } = await on.onTerminal('bucket-damaged', ['--host', 'h1'], [['Run these 4 steps?', '\x03']]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /Nothing was done/);
  });

  it('ends a command that Ctrl-C interrupts, and prints how to continue', async () => {
    await on.answer(5, 'echo under way; sleep 60');
    const { code, stdout } = await on.onTerminal('bucket-damaged', ['--host', 'h1', '--yes'], [['under way', '\x03']]);
    assert.equal(code, 130, stdout);
    assert.match(stdout, /Stopped at step 'verify': interrupted/);
    assert.match(stdout, /--resume/);
    const resumed = await on.run('bucket-damaged', '--host', 'h1', '--yes', '--resume');
    assert.equal(resumed.code, 0, resumed.stdout);
    assert.equal((await on.calls()).length, 5 + 4);
  });
});
