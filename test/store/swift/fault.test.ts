import { createSwiftStore } from '../../../lib/store/drivers/swift/swift.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { startFaultProxy } from '../../servers/fault-proxy.ts';
import { startSwift } from '../../servers/swift.ts';
import { faults, type Place } from '../faults.ts';

async function swiftPlace(): Promise<Place> {
  const scratch = await createScratch();
  const swift = await startSwift(scratch.path);
  const proxy = await startFaultProxy(swift.url);
  const { user, key, authUrl } = swift.v1;
  const proxied = authUrl.replace(swift.url, proxy.url);
  return {
    proxy,
    store: (container, by) =>
      createSwiftStore({
        container,
        auth: { method: 'v1', user, key, authUrl: by === 'straight' ? authUrl : proxied },
      }),
    program: { args: ['swift'], env: { ST_AUTH: proxied, ST_USER: user, ST_KEY: key } },
    tokens: true,
    kill: swift.kill,
    start: swift.start,
    async stop() {
      await proxy.stop();
      await swift.stop();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

faults('Swift', swiftPlace);
