import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/*
 * A process of its own: a TCP proxy on loopback that delays all data, and counts HTTP requests.
 *
 *     node delay-proxy.ts HOST PORT MILLISECONDS
 *
 * The delay is that of a round trip. Prints its port; for each line that it reads, the requests since the last one. Ends
 * with its standard input.
 */

const [host = '', port = '', milliseconds = '0'] = process.argv.slice(2);
const oneWayMs = Number(milliseconds) / 2;
const REQUEST = /^(GET|HEAD|PUT|POST|DELETE|COPY) \S+ HTTP\/1\.1\r\n/;
let requests = 0;

const server = createServer((client) => {
  const onward = connect(Number(port), host);
  for (const socket of [client, onward]) socket.setNoDelay(true);
  client.on('data', (data) => {
    // A client sends a request only after the answer to its last one, so each begins a segment.
    if (REQUEST.test(data.toString('latin1', 0, 8192))) requests++;
  });
  pass(client, onward);
  pass(onward, client);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(address?.port);
});
createInterface(process.stdin)
  .on('line', () => {
    console.log(requests);
    requests = 0;
  })
  .on('close', () => process.exit());

/** Timers of the same delay fire in the order in which they were set, so data stays in order. */
function pass(from: Socket, to: Socket): void {
  const later = (action: () => void) => setTimeout(action, oneWayMs);
  from.on('data', (data) => void later(() => to.writable && to.write(data)));
  from.on('end', () => void later(() => to.end()));
  from.on('error', () => to.destroy());
  from.on('close', () => void later(() => to.destroy()));
}
