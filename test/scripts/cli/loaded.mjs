// Writes the names of all packages that were imported to standard error when the process ends.
import { register } from 'node:module';
import { MessageChannel } from 'node:worker_threads';

const { port1, port2 } = new MessageChannel();
const names = new Set();
port1.on('message', (name) => names.add(name));
port1.unref();
const hooks = `
  let port;
  export function initialize(data) { port = data.port; }
  export async function resolve(specifier, context, next) {
    const name = /^(@[^/]+\\/)?[a-z][^/:]*(?=\\/|$)/.exec(specifier);
    if (name) port.postMessage(name[0]);
    return next(specifier, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: { port: port2 }, transferList: [port2] });
const exit = process.exit;
process.exit = (code) => {
  setTimeout(() => {
    process.stderr.write(JSON.stringify([...names]));
    exit(code);
  }, 100);
};
