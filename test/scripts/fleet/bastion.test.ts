import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../../../config/errors.ts';
import { checkGiven, requestOf } from '../../../scripts/fleet/request.ts';
import { runbookArguments } from '../../../scripts/fleet/runbook-arguments.ts';

describe('arguments of make become a call of Ansible', () => {
  it('with the values as JSON, whatever they contain', () => {
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

  it('with a question if data may be lost, or for all hosts', () => {
    assert.match(requestOf('restore', { HOST: 'h1' }).question ?? '', /Restore ALL METRICS .* on h1/);
    assert.match(requestOf('rollback', {}).question ?? '', /EVERY HOST/);
    assert.match(requestOf('remove', { GROUP: 'dc1' }).question ?? '', /dc1/);
    assert.match(requestOf('deploy', {}).question ?? '', /EVERY HOST/);
    for (const name of ['backup', 'status', 'verify', 'doctor', 'drill'] as const) {
      assert.equal(requestOf(name, {}).question, undefined, name);
    }
    assert.equal(requestOf('deploy', { HOST: 'h1' }).question, undefined);
  });

  it('with a question if something may be deleted afterwards that was kept, and a dry run has none', () => {
    assert.match(requestOf('prune', {}).question ?? '', /Delete backups of ALL METRICS .* on EVERY HOST/);
    assert.match(requestOf('prune', { HOST: 'h1', ARGS: '--force' }).question ?? '', /on h1 --force$/);
    assert.equal(requestOf('hold', { HOST: 'h1', ARGS: 'release a' }).question, 'Release the hold a on h1');
    for (const ARGS of ['list', 'add a']) assert.equal(requestOf('hold', { HOST: 'h1', ARGS }).question, undefined);
    for (const [name, ARGS] of [
      ['prune', '--force'],
      ['hold', 'release a'],
    ] as const) {
      const { args, question } = requestOf(name, { HOST: 'h1', ARGS, DRY_RUN: '1' });
      assert.equal(question, undefined, name);
      assert.equal(JSON.parse(args.at(-1) ?? '').dry_run, true, name);
    }
  });

  it('of prune and hold with metrics, a date and further words', () => {
    const prune = requestOf('prune', { GROUP: 'dc1', METRICS: 'a b', ARGS: "--force -r '3'" });
    assert.deepEqual(prune.args.slice(0, 3), ['ansible/playbooks/prune.yml', '--limit', 'dc1']);
    assert.deepEqual(JSON.parse(prune.args.at(-1) ?? ''), { metrics: 'a b', prune_args: ['--force', '-r', '3'] });
    const add = { HOST: 'h1', ARGS: "add incident-7 --reason 'bad data'", METRICS: 'servers.*', DATE: '2026-11-22' };
    assert.deepEqual(JSON.parse(requestOf('hold', add).args.at(-1) ?? ''), {
      metrics: 'servers.*',
      date: '2026-11-22',
      hold_args: ['add', 'incident-7', '--reason', 'bad data'],
    });
    assert.deepEqual(JSON.parse(requestOf('hold', { GROUP: 'dc1' }).args.at(-1) ?? ''), { hold_args: ['list'] });
  });

  it('but not of a hold without a host, an action or a name, nor with a date where nothing is added', () => {
    assert.throws(() => requestOf('hold', {}), /give HOST= or GROUP=/);
    for (const ARGS of ['add', 'release', 'release --force', 'remove a', '--reason x', 'list a'])
      assert.throws(() => requestOf('hold', { HOST: 'h1', ARGS }), /ARGS= must be list, or begin with/, ARGS);
    for (const given of [{ DATE: '2026-11-22' }, { METRICS: 'a.*' }])
      for (const ARGS of ['list', 'release a'])
        assert.throws(() => requestOf('hold', { HOST: 'h1', ARGS, ...given }), /only add has them/, ARGS);
  });

  it('without a question in a dry run of Ansible or the program', () => {
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

  it('of the program itself, for commands that only read', () => {
    const { program, args } = requestOf('verify', { GROUP: 'dc1', METRICS: 'a b', ARGS: '--read-data=1/7' });
    assert.equal(program, 'ansible');
    assert.deepEqual(args.slice(0, 3), ['graphite', '--limit', 'dc1']);
    const argv = ['/usr/local/bin/whisper-backup', 'verify', '--read-data=1/7', '--metrics=a b'];
    assert.deepEqual(JSON.parse(args.at(-1) ?? ''), { argv });
  });

  it('but not without a required host, nor with two', () => {
    assert.throws(() => requestOf('restore', {}), UsageError);
    assert.throws(() => requestOf('list', {}), UsageError);
    assert.throws(() => checkGiven({ HOST: 'h1', GROUP: 'dc1' }), UsageError);
  });

  it('but not with a template, which Ansible would run on the bastion', () => {
    for (const name of ['HOST', 'GROUP', 'METRICS', 'DATE', 'RELEASE', 'SAMPLE', 'ARGS', 'INVENTORY'] as const)
      for (const template of ["{{ lookup('pipe', 'id') }}", '{% if x %}', '{# x #}'])
        assert.throws(() => checkGiven({ [name]: `a${template}` }), /must not contain \{\{/, name);
    checkGiven({ METRICS: 'servers.{web,db}*.cpu' });
  });

  it('but not with text that Ansible would expand on the host', () => {
    assert.throws(() => requestOf('list', { HOST: 'h1', METRICS: 'a.$HOME' }), /would expand/);
    assert.throws(() => requestOf('verify', { HOST: 'h1', ARGS: '--x ~root' }), /would expand/);
    assert.throws(() => requestOf('prune', { METRICS: 'a.$HOME' }), /would expand/);
    assert.throws(() => requestOf('prune', { HOST: 'h1', DATE: '2020-01-01' }), /make prune does not use DATE=/);
    assert.throws(() => requestOf('prune', { ARGS: '--force' }), /Cannot prune ARGS=--force: no host selected/);
    assert.throws(() => requestOf('hold', { HOST: 'h1', ARGS: "add a --reason 'for $USER'" }), /would expand/);
    assert.throws(() => requestOf('hold', { HOST: 'h1', ARGS: 'add a', METRICS: '~root' }), /would expand/);
  });

  it('with the path of a release relative to the working directory of make', () => {
    const { args } = requestOf('deploy', { HOST: 'h1', RELEASE: 'dist/release/a.tar.gz' });
    assert.deepEqual(JSON.parse(args.at(-1) ?? ''), {
      whisper_backup_release: `${process.cwd()}/dist/release/a.tar.gz`,
    });
  });

  it('with words split like in a shell, but not run by a shell', () => {
    const { args } = requestOf('restore', { HOST: 'h1', ARGS: `--exclude 'a b' --x="c ; d" $(id) \\;` });
    assert.deepEqual(JSON.parse(args.at(-1) ?? '').restore_args, [
      ...['--exclude', 'a b'],
      ...['--x=c ; d', '$(id)', ';'],
    ]);
    assert.throws(() => requestOf('restore', { HOST: 'h1', ARGS: "--exclude 'a" }), /quote is not closed/);
  });

  it('with further arguments for Ansible, except those that select hosts', () => {
    for (const name of ['deploy', 'list', 'status'] as const) {
      const { args } = requestOf(name, { HOST: 'h1', ANSIBLE_ARGS: "-K --ask-vault-pass -e 'a=b c'" });
      assert.deepEqual(args.slice(args.indexOf('-K'), args.indexOf('-K') + 4), [
        ...['-K', '--ask-vault-pass'],
        ...['-e', 'a=b c'],
      ]);
    }
    for (const bad of ['-i x', '--inventory=x', '--limit all', '-lall'])
      assert.throws(() => requestOf('status', { ANSIBLE_ARGS: bad }), /must not select hosts/, bad);
  });
});

describe('make runbook-NAME', () => {
  const argumentsOf = (name: string, given: Parameters<typeof runbookArguments>[1]) =>
    runbookArguments(name, given).slice(3);

  it('passes host, metrics and date to a runbook, and further words unchanged', () => {
    const given = { HOST: 'h1', METRICS: 'a b;c*', DATE: '2026-11-22', YES: '1', ARGS: '--resume; id' };
    assert.deepEqual(argumentsOf('host-lost', given), [
      ...['--host=h1', '--metrics=a b;c*', '--date=2026-11-22', '--yes'],
      ...['--resume;', 'id'],
    ]);
  });

  it('passes a host or a group and the sample to the drill', () => {
    assert.deepEqual(argumentsOf('drill', { HOST: 'h1', SAMPLE: '1/7' }), ['--limit=h1', '--sample=1/7']);
    assert.deepEqual(argumentsOf('drill', { GROUP: 'dc1', DRY_RUN: '1' }), ['--limit=dc1', '--dry-run']);
  });

  it('rejects a group in place of one host, and an unknown name', () => {
    assert.throws(() => argumentsOf('host-lost', { GROUP: 'dc1' }), /with HOST=/);
    assert.throws(() => argumentsOf('../main', {}), /Unknown runbook/);
  });
});
