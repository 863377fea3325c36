import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { matchingHosts, requireOneHost } from '../../../scripts/fleet/matching-hosts.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';

describe('the hosts that Ansible would choose', () => {
  let scratch: Scratch;
  let inventory: string;

  before(async () => {
    scratch = await createScratch();
    inventory = scratch.at('hosts.yml');
    const graphite = { children: { dc1: { hosts: { h1: {}, h2: {} } }, dc2: { hosts: { h3: {} } } } };
    const other = { hosts: { web: {} } };
    await writeFile(inventory, JSON.stringify({ all: { children: { graphite, other } } }));
  });
  after(() => scratch[Symbol.asyncDispose]());

  it('are all of the group graphite, or those of a host, group or pattern', () => {
    assert.deepEqual(matchingHosts({ inventory }), ['h1', 'h2', 'h3']);
    assert.deepEqual(matchingHosts({ inventory, limit: 'dc1' }), ['h1', 'h2']);
    assert.deepEqual(matchingHosts({ inventory, limit: 'h*:!h1' }), ['h2', 'h3']);
  });

  it('are those that prune too, if it is asked for them, and if there are any', async () => {
    assert.throws(() => matchingHosts({ inventory, limit: 'vault' }), { code: 'NO_HOSTS' });
    assert.deepEqual(matchingHosts({ inventory, withPruners: true }), ['h1', 'h2', 'h3']);
    const pruning = scratch.at('pruning.yml');
    const children = { graphite: { hosts: { h1: {} } }, whisper_backup_pruners: { hosts: { vault: {} } } };
    await writeFile(pruning, JSON.stringify({ all: { children } }));
    assert.deepEqual(matchingHosts({ inventory: pruning }), ['h1']);
    assert.deepEqual(matchingHosts({ inventory: pruning, withPruners: true }), ['h1', 'vault']);
    requireOneHost('vault', { inventory: pruning, withPruners: true });
  });

  it('are an error if there are none', () => {
    for (const limit of ['nope', 'web', 'localhost'])
      assert.throws(() => matchingHosts({ inventory, limit }), { code: 'NO_HOSTS', message: new RegExp(`"${limit}"`) });
    assert.throws(() => matchingHosts({ inventory: '/nope' }), {
      code: 'NO_HOSTS',
      message: /failed to parse inventory source \/nope/,
    });
  });

  it('are one host only by its own name, never by the name of a group', () => {
    requireOneHost('h1', { inventory });
    for (const name of ['dc1', 'dc2', 'graphite', 'all', 'h*', 'h1,h2'])
      assert.throws(
        () => requireOneHost(name, { inventory }),
        { code: 'USAGE', message: /Give the name of one host/ },
        name,
      );
  });

  it('are an error if one of several inventory files cannot be read, instead of fewer hosts', async () => {
    const several = await scratch.directory('several');
    await writeFile(`${several}/a`, '[graphite]\nh1\n');
    assert.deepEqual(matchingHosts({ inventory: several }), ['h1']);
    await writeFile(`${several}/b.yml`, 'all: [broken\n');
    assert.throws(() => matchingHosts({ inventory: several }), { code: 'NO_HOSTS', message: /b\.yml/ });
  });

  it('are found without the password of variables in a vault', async () => {
    const vaulted = await scratch.directory('vaulted');
    await writeFile(`${vaulted}/hosts`, '[graphite]\nh1\n');
    const secret = await scratch.directory('vaulted', 'group_vars', 'graphite');
    await writeFile(`${secret}/vault.yml`, '$ANSIBLE_VAULT;1.1;AES256\n6162\n');
    assert.deepEqual(matchingHosts({ inventory: vaulted }), ['h1']);
  });
});
