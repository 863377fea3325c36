import { createS3Store } from '../../../lib/store/drivers/s3/s3.ts';
import { startFaultProxy } from '../../servers/fault-proxy.ts';
import { startRadosgw } from '../../servers/radosgw.ts';
import { faults, type Place } from '../faults.ts';

async function radosgwPlace(): Promise<Place> {
  const { s3, kill, start, stop } = await startRadosgw();
  const proxy = await startFaultProxy(s3.endpoint);
  const { accessKeyId, secretAccessKey } = s3;
  return {
    proxy,
    store: (bucket, by) =>
      createS3Store({ bucket, endpoint: by === 'straight' ? s3.endpoint : proxy.url, accessKeyId, secretAccessKey }),
    program: {
      args: ['s3', 'us-east-1', proxy.url],
      env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    },
    tokens: false,
    kill,
    start,
    async stop() {
      await proxy.stop();
      await stop();
    },
  };
}

faults('S3 on radosgw', radosgwPlace);
