import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkout } from '../../../scripts/fleet/checkout.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { runCommand } from '../../hosts/command.ts';

/** A role that does nothing but fail where it is told to: how the playbook goes on is what is looked at. */
const role = {
  'whisper_backup/tasks/preflight.yml': [{ 'ansible.builtin.set_fact': { whisper_backup_problems: [] } }],
  'whisper_backup/tasks/main.yml': [
    { name: 'Install', 'ansible.builtin.fail': { msg: 'no' }, when: 'inventory_hostname in bad_hosts' },
  ],
  'whisper_backup/tasks/doctor.yml': [{ 'ansible.builtin.debug': { msg: 'fine' } }],
};

const hosts = Array.from({ length: 21 }, (_, i) => `h${i + 1}`);

describe('a roll', () => {
  let scratch: Scratch;

  before(async () => {
    scratch = await createScratch();
    for (const [name, tasks] of Object.entries(role)) {
      await mkdir(dirname(scratch.at('roles', name)), { recursive: true });
      await writeFile(scratch.at('roles', name), JSON.stringify(tasks));
    }
    const vars = { ansible_connection: 'local', ansible_become: false, ansible_python_interpreter: '/usr/bin/python3' };
    const graphite = { hosts: Object.fromEntries(hosts.map((host) => [host, {}])) };
    const groups = {
      whisper_backup_canaries: { hosts: { h7: {} } },
      whisper_backup_pruners: { hosts: { pruner: {} } },
    };
    await writeFile(scratch.at('hosts.yml'), JSON.stringify({ all: { vars, children: { graphite, ...groups } } }));
  });
  after(() => scratch[Symbol.asyncDispose]());

  /**
   * The hosts of each batch that the role came to.
   *
   * @param limit the hosts; the time of a roll grows with their number.
   */
  async function roll(
    variables: object,
    limit: readonly string[],
  ): Promise<{ readonly code: number | null; readonly batches: string[][] }> {
    const env = {
      ANSIBLE_CONFIG: '',
      ANSIBLE_ROLES_PATH: scratch.at('roles'),
      ANSIBLE_NOCOLOR: '1',
      LC_ALL: 'C.UTF-8',
    };
    const extra = JSON.stringify({ bad_hosts: [], ...variables });
    const args = [
      ...['-i', scratch.at('hosts.yml'), '--limit', limit.join(',')],
      ...['ansible/playbooks/deploy.yml', '--extra-vars', extra],
    ];
    const { code, stdout, stderr } = await runCommand(['ansible-playbook', ...args], { cwd: checkout, env });
    const plays = stdout.split('\nPLAY [Roll out]').slice(1);
    assert.ok(plays.length > 0, stdout + stderr);
    const batches = plays.map((play) => {
      const [, installing = ''] = /TASK \[whisper_backup : Install\][^\n]*\n([\s\S]*?)\n\n/.exec(play) ?? [];
      return [...installing.matchAll(/^\w+: \[(\w+)\]/gm)].map(([, host = '']) => host).sort();
    });
    return { code, batches };
  }

  it('goes to the canaries, then to a tenth, then to the rest, with the host that prunes', async () => {
    const { code, batches } = await roll({}, [...hosts, 'pruner']);
    assert.equal(code, 0);
    const rest = hosts.filter((host) => !['h1', 'h2', 'h7'].includes(host)).sort();
    assert.deepEqual(batches, [['h7'], ['h1', 'h2'], [...rest, 'pruner']]);
  });

  it('stops after a batch in which a host failed', async () => {
    const { code, batches } = await roll(
      { bad_hosts: ['h2'], whisper_backup_serial: [1, 2, '100%'] },
      hosts.slice(0, 8),
    );
    assert.equal(code, 2);
    assert.deepEqual(batches, [['h7'], ['h1', 'h2'], []]);
  });

  it('continues if few enough failed, in batches of the configured size', async () => {
    const variables = {
      bad_hosts: ['h2'],
      whisper_backup_max_fail_percentage: 20,
      whisper_backup_serial: [5, '100%'],
    };
    const { code, batches } = await roll(variables, hosts.slice(0, 8));
    assert.equal(code, 2);
    assert.deepEqual(
      batches.map(({ length }) => length),
      [5, 3],
    );
  });
});
