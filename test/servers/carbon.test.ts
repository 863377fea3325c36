import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startScript } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';

it('a carbon-cache ends with the process that started it, even if that is killed', async () => {
  await using scratch = await createScratch();
  // Uses servers/carbon.ts: `test-files.mjs` looks for this name to determine what the file needs.
  const owner = startScript(new URL('../fixtures/carbon-owner.ts', import.meta.url), [scratch.at('carbon')]);
  const { value: address } = await createInterface(owner.stdout)[Symbol.asyncIterator]().next();
  assert.ok(await accepts(String(address)), `${address}`);
  owner.kill('SIGKILL');
  for (let tries = 0; tries < 1200 && (await accepts(String(address))); tries++) await sleep(50);
  assert.ok(!(await accepts(String(address))), 'carbon-cache still listens');
});

/** Whether something listens at `host:port`. */
function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  const opened = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  return opened.finally(() => socket.destroy());
}
