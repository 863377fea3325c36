import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ansibleEnvironment } from '../../../scripts/fleet/checkout.ts';
import { remoteProblem } from '../../../scripts/runbooks/engine/ad-hoc.ts';
import { countsOf } from '../../../scripts/runbooks/steps/compare.ts';
import { runCommand } from '../../hosts/command.ts';

/** Runs a shell script on hosts that are this machine, by the real `ansible`. */
async function ansible(script: string, ...hosts: readonly string[]) {
  const args = JSON.stringify({ argv: ['sh', '-c', script] });
  const env = Object.fromEntries(Object.entries(ansibleEnvironment()).map(([name, value]) => [name, value ?? '']));
  const command = ['ansible', 'all', '--inventory', `${hosts.join(',')},`, '--connection', 'local'];
  return runCommand([...command, '--module-name', 'ansible.builtin.command', '--args', args], { env });
}

const SUMMARY = { command: 'verify', counts: { metrics: 3, gone: 1 }, note: 'a "quoted" } brace {' };
const PRINTED = JSON.stringify(SUMMARY).replaceAll("'", `'\\''`);

describe('a command that Ansible ran on a host', () => {
  it('has its own exit code', async () => {
    for (const code of [0, 3]) {
      const { stdout, code: ended } = await ansible(`echo out; echo err >&2; exit ${code}`, 'h1');
      assert.equal(remoteProblem(stdout, ended, [code]), undefined, stdout);
      assert.equal(remoteProblem(stdout, ended, [9]), `the command on h1 ended with exit code ${code}`);
    }
  });

  it('has failed if it failed on any host', async () => {
    const { stdout, code } = await ansible('exit 4', 'h1', 'h2');
    assert.equal(remoteProblem(stdout, code, [0, 4]), undefined, stdout);
    const second = stdout.replace(/^h1 \|.*/m, 'h1 | CHANGED | rc=0 >>');
    assert.equal(remoteProblem(second, code), 'the command on h2 ended with exit code 4');
  });

  it('has failed if a host was unreachable, if there was none, and if nothing was started', () => {
    const lost = 'h2 | UNREACHABLE! => {\n    "changed": false,\n    "unreachable": true\n}\n';
    const well = 'h1 | CHANGED | rc=0 >>\nfine\n';
    assert.equal(remoteProblem(`${well}${lost}`, 4), 'h2 is unreachable');
    assert.equal(remoteProblem('h1 | FAILED! => {\n    "msg": "no"\n}\n', 2), 'h1 failed');
    assert.equal(remoteProblem('', 0), 'ansible ran the command on no host');
    assert.equal(remoteProblem('', 1), 'ansible ended with exit code 1');
    assert.equal(remoteProblem(well, 250), 'ansible ended with exit code 250');
    assert.equal(remoteProblem(well, 0), undefined);
  });

  it('may write to standard error after its summary', async () => {
    for (const script of [
      `echo '${PRINTED}'; echo 'warning: {"}' >&2`,
      `echo '${PRINTED}'; echo 'warning: one' >&2; echo '{"x' >&2; exit 3`,
      `echo before; echo '${PRINTED}'`,
    ]) {
      const { stdout } = await ansible(script, 'h1');
      assert.deepEqual(countsOf(stdout), SUMMARY.counts, stdout);
    }
  });

  it('has no summary if that is truncated', () => {
    assert.equal(countsOf('h1 | CHANGED | rc=0 >>\n{"command":"verify","counts":{"gone":0}'), undefined);
    assert.equal(countsOf('h1 | CHANGED | rc=0 >>\nnothing'), undefined);
  });
});
