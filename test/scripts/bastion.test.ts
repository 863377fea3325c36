import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestError, requestOf } from '../../scripts/bastion/request.ts';

describe('what make is given becomes a call of Ansible', () => {
  it('with the values as JSON, whatever stands in them', () => {
    const { program, args } = requestOf('restore', {
      HOST: 'h1',
      METRICS: `a.'"$(x)*`,
      DATE: '2026-11-22T03:00:00Z',
      ARGS: ' --overwrite  --fallback',
      INVENTORY: 'somewhere',
    });
    assert.equal(program, 'ansible-playbook');
    assert.deepEqual(args.slice(0, 6), [
      'ansible/playbooks/restore.yml',
      ...['--inventory', 'somewhere'],
      ...['--limit', 'h1'],
      '--extra-vars',
    ]);
    assert.deepEqual(JSON.parse(args[6] ?? ''), {
      metrics: `a.'"$(x)*`,
      date: '2026-11-22T03:00:00Z',
      restore_args: ['--overwrite', '--fallback'],
    });
  });

  it('with a question where something may be lost, or every host is meant', () => {
    assert.match(requestOf('restore', { HOST: 'h1' }).question ?? '', /Restore ALL METRICS .* on h1/);
    assert.match(requestOf('rollback', {}).question ?? '', /EVERY HOST/);
    assert.match(requestOf('remove', { GROUP: 'dc1' }).question ?? '', /dc1/);
    assert.match(requestOf('deploy', {}).question ?? '', /EVERY HOST/);
    for (const name of ['backup', 'status', 'verify', 'doctor', 'drill'] as const) {
      assert.equal(requestOf(name, {}).question, undefined, name);
    }
    assert.equal(requestOf('deploy', { HOST: 'h1' }).question, undefined);
  });

  it('without a question when it is a dry run, which Ansible or the program itself makes', () => {
    for (const name of ['deploy', 'rollback', 'remove'] as const) {
      const { args, question } = requestOf(name, { HOST: 'h1', DRY_RUN: '1' });
      assert.ok(args.includes('--check'), name);
      assert.equal(question, undefined, name);
    }
    for (const name of ['restore', 'backup'] as const) {
      const { args, question } = requestOf(name, { HOST: 'h1', DRY_RUN: '1' });
      assert.ok(!args.includes('--check'), name);
      assert.deepEqual(JSON.parse(args.at(-1) ?? ''), { dry_run: true }, name);
      assert.equal(question, undefined, name);
    }
    assert.notEqual(requestOf('restore', { HOST: 'h1', DRY_RUN: '0' }).question, undefined);
  });

  it('of the program itself, for what only reads', () => {
    const { program, args } = requestOf('verify', { GROUP: 'dc1', METRICS: 'a b', ARGS: '--read-data=1/7' });
    assert.equal(program, 'ansible');
    assert.equal(args[0], 'dc1');
    const argv = ['/usr/local/bin/whisper-backup', 'verify', '--read-data=1/7', '--metrics', 'a b'];
    assert.deepEqual(JSON.parse(args.at(-1) ?? ''), { argv });
  });

  it('but not without a place where one is needed, nor with two', () => {
    assert.throws(() => requestOf('restore', {}), RequestError);
    assert.throws(() => requestOf('list', {}), RequestError);
    assert.throws(() => requestOf('backup', { HOST: 'h1', GROUP: 'dc1' }), RequestError);
  });
});
