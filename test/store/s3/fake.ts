import type { ServerResponse } from 'node:http';
import { createS3Store, type S3StoreOptions } from '../../../lib/store/drivers/s3/s3.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { type HttpProxy, startProxy, type Treat } from '../../servers/proxy.ts';

/** Runs a test with a store whose server answers as the test says. */
export async function withFake(
  treat: Treat,
  test: (store: ObjectStore, server: HttpProxy) => Promise<void>,
  options: Partial<S3StoreOptions> = {},
): Promise<void> {
  const server = await startProxy();
  server.treat = treat;
  const credentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'hunter2secret' };
  const store = createS3Store({ bucket: 'backups', endpoint: server.url, ...credentials, ...options });
  try {
    await test(store, server);
  } finally {
    await store.close();
    await server.stop();
  }
}

/** Answers as S3 does when it refuses. */
export function refuse(
  answer: ServerResponse,
  status: number,
  code: string,
  { headers = {}, more = '' }: { readonly headers?: Readonly<Record<string, string>>; readonly more?: string } = {},
): void {
  answer.writeHead(status, { 'content-type': 'application/xml', ...headers });
  answer.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code>${more}</Error>`);
}

/** Answers with a listing of one page. */
export function listing(answer: ServerResponse, contents: string, more = '<IsTruncated>false</IsTruncated>'): void {
  answer.writeHead(200, { 'content-type': 'application/xml' });
  answer.end(
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${more}${contents}</ListBucketResult>`,
  );
}

/** One object of a listing. */
export function listed(key: string, etag = '9dd4e461268c8034f5c8564e155c67a6'): string {
  return `<Contents><Key>${key}</Key><LastModified>2026-11-22T03:14:15.000Z</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>1</Size></Contents>`;
}
