import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Hosts, startHosts } from './hosts.ts';

describe('hosts of the tests', { timeout: 300_000 }, () => {
  let hosts: Hosts;

  before(async () => {
    hosts = await startHosts();
    await hosts.create('h1', 'h2');
  });
  after(() => hosts.stop());

  it('are reached by ssh from the bastion, and have no Node', async () => {
    const { code, stdout } = await hosts.bastion(['ssh', 'h2', 'hostname; systemctl is-system-running; which node']);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: 'h2\nrunning\n' });
  });

  it('come back after a reboot with what was on their disk', async () => {
    await hosts.on('h1', ['touch', '/etc/kept', '/run/lost']);
    await hosts.reboot('h1');
    assert.equal((await hosts.on('h1', ['sh', '-c', 'ls /etc/kept; ls /run/lost'])).stdout, '/etc/kept\n');
  });

  it('do not even refuse a connection when they are dead, and are another machine when made anew', async () => {
    const machine = () => hosts.on('h2', ['cat', '/etc/machine-id']);
    const old = await machine();
    await hosts.kill('h2');
    const { stderr } = await hosts.bastion(['ssh', '-o', 'ConnectTimeout=1', 'h2', 'true']);
    assert.match(stderr, /timed out|No route to host/);
    await hosts.create('h2');
    assert.equal((await hosts.bastion(['ssh', 'h2', 'true'])).code, 0);
    assert.notEqual((await machine()).stdout, old.stdout);
  });

  it('end with whoever started them, also when that is killed', async () => {
    const script = `import { startHosts } from '${new URL('hosts.ts', import.meta.url)}';
const hosts = await startHosts();
await hosts.create('h1');
console.log(hosts.within[1].replace('--target=', ''));
await new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { value: bastion = '' } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
    const network = await readlink(`/proc/${bastion}/ns/net`);
    assert.ok((await onNetwork(network)) > 1);
    child.kill('SIGKILL');
    for (let tries = 0; tries < 200 && (await onNetwork(network)) > 0; tries++) await sleep(50);
    assert.equal(await onNetwork(network), 0);
  });
});

/** How many processes share a network with this one, as the bastion's servers do; none when it is gone. */
async function onNetwork(network: string): Promise<number> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const networks = await Promise.all(processes.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => '')));
  return networks.filter((name) => name === network).length;
}
