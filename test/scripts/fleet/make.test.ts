import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { checkout } from '../../../scripts/fleet/checkout.ts';
import { requestNames } from '../../../scripts/fleet/request.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { type Ended, runCommand } from '../../hosts/command.ts';

describe('make, for a fleet,', () => {
  let scratch: Scratch;
  /** Where every attempt to run something would leave a file. */
  let left: string;

  before(async () => {
    scratch = await createScratch();
    left = await scratch.directory('left');
    const h1 = { ansible_connection: 'local', ansible_become: false };
    await writeFile(scratch.at('hosts.yml'), JSON.stringify({ all: { children: { graphite: { hosts: { h1 } } } } }));
    await mkdir(scratch.at('empty'));
    await writeFile(scratch.at('empty/hosts'), '[other]\nweb\n');
  });
  after(() => scratch[Symbol.asyncDispose]());

  const make = (...args: readonly string[]): Promise<Ended> =>
    runCommand(['make', '--silent', ...args], { cwd: checkout, env: { LC_ALL: 'C.UTF-8' } });

  it('has a target for every request', async () => {
    const { stdout, stderr } = await make('--dry-run', ...requestNames);
    const calls = requestNames.map((name) => `node --import tsx scripts/bastion.ts ${name}\n`);
    assert.equal(stdout, calls.join(''), stderr);
  });

  it('fails without an inventory, or if no host matches', async () => {
    // One for hosts that prune too, one for all hosts, and one that needs a host or a group.
    for (const target of ['deploy', 'backup', 'list']) {
      const group = target === 'list' ? ['GROUP=graphite'] : [];
      const { code, stdout, stderr } = await make(target, 'INVENTORY=/nope', 'YES=1', ...group);
      assert.equal(code, 2, `${target}: ${stdout}${stderr}`);
      assert.match(
        stderr,
        /^Cannot find .* of the inventory \/nope: .*failed to parse inventory source \/nope/m,
        target,
      );
      assert.doesNotMatch(stderr, /ENOENT/, target);
    }
    for (const place of ['HOST=web', 'GROUP=other', 'YES=1']) {
      const { code, stderr } = await make('backup', `INVENTORY=${scratch.at('empty')}`, place);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^Cannot find .* in the group graphite/m);
    }
  });

  it('rejects a group in place of a host', async () => {
    const { code, stderr } = await make('restore', `INVENTORY=${scratch.at('hosts.yml')}`, 'HOST=graphite', 'YES=1');
    assert.equal(code, 2);
    assert.match(stderr, /Cannot use "graphite": it is a group or pattern/);
  });

  it('does not execute values, neither in make, a shell nor Ansible', async () => {
    const touch = `touch ${left}/ran`;
    const inventory = `INVENTORY=${scratch.at('hosts.yml')}`;
    const values = [`{{ lookup('pipe', '${touch}') }}`, `$(shell ${touch})`, `; ${touch}`, `'; ${touch} #`];
    for (const value of values)
      for (const name of value.startsWith(';') ? ['ARGS', 'ANSIBLE_ARGS', 'DATE'] : ['METRICS', 'ARGS']) {
        const { code, stdout, stderr } = await make('list', inventory, 'HOST=h1', `${name}=${value}`);
        assert.notEqual(code, 0, `${name}=${value}: ${stdout}${stderr}`);
      }
    for (const [target, name] of [
      ['runbook-bucket-damaged', 'ARGS'],
      ['runbook-bucket-damaged', 'METRICS'],
    ] as const)
      await make(target, inventory, 'HOST=h1', 'DRY_RUN=1', `${name}=; ${touch}`);
    assert.notEqual((await make(`runbook-drill; ${touch}`, inventory)).code, 0);
    assert.deepEqual(await readdir(left), []);
  });

  it('passes its arguments to a runbook', async () => {
    const { code, stdout, stderr } = await make(
      ...['runbook-drill', `INVENTORY=${scratch.at('hosts.yml')}`, 'HOST=h1', 'METRICS=a b$$c*', 'DRY_RUN=1'],
    );
    assert.equal(code, 2, stdout);
    assert.match(stderr, /--metrics must not contain .*"a b\$\$c\*"/);
    const plan = await make(
      'runbook-drill',
      `INVENTORY=${scratch.at('hosts.yml')}`,
      'HOST=h1',
      "METRICS=a 'b'*",
      'DRY_RUN=1',
    );
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /--limit h1 .*"metrics":"a .*b.*\*"/);
  });
});
