import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { checkout } from '../../../scripts/fleet/checkout.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { runCommand } from '../../hosts/command.ts';

/** Runs `make prune` for a host that must not delete, and does not respond. */
async function makePrune(pruners: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  await using scratch = await createScratch();
  const dead = { ansible_host: '127.0.0.1', ansible_port: 1 };
  const local = { ansible_connection: 'local', ansible_python_interpreter: '/usr/bin/python3' };
  const children = {
    graphite: { hosts: { dead: { ...dead, whisper_backup_host_config: { bucket: 'b', deletes: 'never' } } } },
    whisper_backup_pruners: { hosts: Object.fromEntries(pruners.map((name) => [name, local])) },
  };
  const vars = { ansible_become: false };
  await writeFile(scratch.at('hosts.yml'), JSON.stringify({ all: { vars, children } }));
  const { code, stdout, stderr } = await runCommand(
    ['make', '--silent', 'prune', `INVENTORY=${scratch.at('hosts.yml')}`, 'DRY_RUN=1'],
    { cwd: checkout, env: { ANSIBLE_NOCOLOR: '1', LC_ALL: 'C.UTF-8' } },
  );
  return { code, said: stdout + stderr };
}

describe('make prune, for a host that must not delete,', () => {
  it('runs on the host that prunes, even if the host does not respond', async () => {
    const { said } = await makePrune(['localhost']);
    assert.match(said, /: \[dead -> localhost\]/);
    assert.doesNotMatch(said, /UNREACHABLE/);
  });

  it('is refused if no host, or more than one, prunes', async () => {
    for (const pruners of [[], ['localhost', 'other']]) {
      const { code, said } = await makePrune(pruners);
      assert.notEqual(code, 0);
      assert.match(said, /dead must not delete .* put the one host that has such credentials into the group/);
      assert.doesNotMatch(said, /\[dead -> /);
    }
  });
});
