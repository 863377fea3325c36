import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { sendPoints } from '../../lib/carbon/plaintext.ts';
import { freePort } from '../servers/free-port.ts';

const points = [{ metric: 'a.b', value: 1.5, timestamp: 1_795_317_255 }];

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return `127.0.0.1:${address.port}`;
}

describe('what is sent to carbon', () => {
  it('is a line for each point', async () => {
    let got = '';
    const server = createServer((socket) => {
      socket.on('data', (data) => {
        got += data;
      });
      socket.on('end', () => socket.end());
    });
    const address = await listen(server);
    await sendPoints(address, [...points, { metric: 'c', value: 0, timestamp: 7 }], 30);
    assert.equal(got, 'a.b 1.5 1795317255\nc 0 7\n');
    await new Promise((resolve) => server.close(resolve));
  });

  it('counts as sent if carbon received it but keeps the connection open', async () => {
    let got = '';
    let taken: Socket | undefined;
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      taken = socket;
      socket.on('data', (data) => {
        got += data;
      });
    });
    const address = await listen(server);
    await sendPoints(address, points, 1);
    assert.equal(got, 'a.b 1.5 1795317255\n');
    taken?.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is an error if nothing listens', async () => {
    await assert.rejects(sendPoints(`127.0.0.1:${await freePort()}`, points, 30), /ECONNREFUSED/);
  });
});
