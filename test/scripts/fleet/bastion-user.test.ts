import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { checkout } from '../../../scripts/fleet/checkout.ts';
import { unprivileged } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { runCommand } from '../../hosts/command.ts';

describe('an operator without rights on the bastion', () => {
  it('need not become root there if the inventory requires it for every host', async () => {
    await using scratch = await createScratch();
    await chmod(scratch.path, 0o777);
    const dead = { ansible_host: '127.0.0.1', ansible_port: 1 };
    const config = { storage: 'disk', storageArgs: [`path=${scratch.path}`] };
    await writeFile(
      scratch.at('hosts.yml'),
      JSON.stringify({
        all: {
          vars: { ansible_become: true, ansible_remote_tmp: scratch.at('tmp'), whisper_backup_site_config: config },
          children: { graphite: { hosts: { dead } } },
        },
      }),
    );
    const env = { HOME: scratch.path, ANSIBLE_CONFIG: 'ansible/ansible.cfg', ANSIBLE_NOCOLOR: '1', LC_ALL: 'C.UTF-8' };
    const args = [
      '-i',
      scratch.at('hosts.yml'),
      'ansible/playbooks/status.yml',
      '-e',
      `fleet_dir=${scratch.at('fleet')}`,
    ];
    const { code, stdout, stderr } = await runCommand(unprivileged(['ansible-playbook', ...args]), {
      cwd: checkout,
      env,
    });
    assert.equal(code, 0, stdout + stderr);
    const report = JSON.parse(await readFile(scratch.at('fleet', 'status', 'dead.json'), 'utf8'));
    assert.ok(report.source === 'bucket' || report.unreachable === true, JSON.stringify(report));
  });
});
