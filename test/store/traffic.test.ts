import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createStore, type Place, type StoreSpec } from '../../lib/store/spec.ts';
import { createTraffic, trafficOf } from '../../lib/store/traffic.ts';
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts';
import { ownBucket, sharedRadosgw } from '../servers/shared.ts';

const radosgw = await sharedRadosgw();
const proxy: FaultProxy = await startFaultProxy(radosgw.s3.endpoint);
after(async () => {
  await proxy.stop();
  await radosgw.stop();
});

const { accessKeyId, secretAccessKey } = radosgw.s3;
const { user, key } = radosgw.swift;
const places: readonly Place[] = [
  { kind: 's3', options: { bucket: ownBucket('traffic-s3'), endpoint: proxy.url, accessKeyId, secretAccessKey } },
  {
    kind: 'swift',
    options: {
      container: ownBucket('traffic-swift'),
      auth: { method: 'v1', authUrl: `${proxy.url}/auth/v1.0`, user, key },
    },
  },
];

for (const place of places) {
  describe(`the traffic of ${place.kind}`, () => {
    it('is every sent request, and every retried call', async () => {
      const traffic = createTraffic();
      const spec: StoreSpec = { place, concurrency: 4, traffic };
      const warnings: string[] = [];
      const store = await createStore(spec, (warning) => warnings.push(warning));
      try {
        proxy.heal();
        await store.open({ create: true });
        const busy = proxy.inject({ kind: 'answer', status: 503 }, { method: 'PUT', times: 2 });
        await store.put('a/b', new TextEncoder().encode('hello'));
        assert.equal(busy.hits, 2);
        for await (const { key } of store.list()) assert.equal(key, 'a/b');
        assert.deepEqual(trafficOf(traffic), { requests: proxy.seen.length, retries: 2 });
        // One line a minute at most.
        assert.equal(warnings.length, 2, warnings.join('\n'));
      } finally {
        await store.close();
      }
    });
  });
}
