import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareKeys } from '../../lib/common/order.ts';

/*
 * A server that does nothing but list, as S3 and as Swift, a bucket of any size that it makes up; each page after a
 * wait, as of a service far away. By hand:
 *
 *     node --import tsx test/scale/listing-server.ts PORT METRICS BACKUPS MILLISECONDS
 *
 * Only objects below `.whisper-backup/` are stored.
 */

const [port = '27391', metrics = '100000', backups = '5', latency = '50'] = process.argv.slice(2);
const count = Number(metrics) * Number(backups);
const sha1 = 'a1b2c3d4e5'.repeat(4);
const bodies = new Map<string, Buffer>();

function keyAt(i: number): string {
  const metric = Math.floor(i / Number(backups));
  const host = String(Math.floor(metric / 500)).padStart(5, '0');
  const day = String((i % Number(backups)) + 1).padStart(2, '0');
  const name = `servers.host${host}.metric${String(metric % 500).padStart(3, '0')}`;
  return `${name}/2026-11-${day}T03:14:15+00:00.${sha1}.wsp.gz`;
}

/** The first generated key after this one. */
function indexAfter(key: string): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(keyAt(middle), key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function page(prefix: string, after: string, before: string, limit: number): { key: string; size: number }[] {
  const objects = [...bodies]
    .filter(([key]) => key.startsWith(prefix) && key > after)
    .map(([key, body]) => ({ key, size: body.length }));
  for (let i = indexAfter(after); i < count && objects.length < limit; i++) {
    const key = keyAt(i);
    if (before !== '' && key >= before) break;
    if (!key.startsWith(prefix)) break;
    objects.push({ key, size: 12345 });
  }
  return objects;
}

createServer(async (incoming, answer) => {
  const url = new URL(incoming.url ?? '', 'http://localhost');
  const parameter = (name: string) => url.searchParams.get(name) ?? '';
  const [, , ...key] = decodeURIComponent(url.pathname)
    .replace(/^\/v1\/AUTH_test/, '')
    .split('/');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  await sleep(Number(latency));
  if (url.pathname === '/auth/v1.0') {
    answer.setHeader('x-storage-url', `http://127.0.0.1:${port}/v1/AUTH_test`);
    answer.setHeader('x-auth-token', 'token');
    answer.end();
  } else if (key.join('/') !== '') {
    const name = key.join('/');
    if (incoming.method === 'PUT' && name.startsWith('.whisper-backup/')) bodies.set(name, Buffer.concat(chunks));
    const body = bodies.get(name);
    answer.writeHead(body ? (incoming.method === 'PUT' ? 201 : 200) : 404);
    answer.end(incoming.method === 'GET' ? body : undefined);
  } else if (parameter('list-type') === '2') {
    const limit = Number(parameter('max-keys') || 1000);
    const after = parameter('continuation-token') || parameter('start-after');
    const objects = page(parameter('prefix'), after, '', limit);
    const last = objects.at(-1);
    const listed = objects.map(
      ({ key, size }) =>
        `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>2026-11-22T03:14:15.123Z</LastModified><ETag>&quot;${sha1.slice(8)}&quot;</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    const more = last && objects.length === limit;
    answer.setHeader('content-type', 'application/xml');
    answer.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>big</Name><Prefix></Prefix><KeyCount>${objects.length}</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>${Boolean(more)}</IsTruncated>${listed.join('')}${more ? `<NextContinuationToken>${last.key}</NextContinuationToken>` : ''}</ListBucketResult>`,
    );
  } else {
    const limit = Number(parameter('limit') || 10000);
    const objects = page(parameter('prefix'), parameter('marker'), parameter('end_marker'), limit);
    const body = objects.map(({ key, size }) => ({
      bytes: size,
      hash: sha1.slice(8),
      name: key,
      content_type: 'application/octet-stream',
      last_modified: '2026-11-22T03:14:15.123450',
    }));
    answer.setHeader('content-type', 'application/json; charset=utf-8');
    answer.end(JSON.stringify(body));
  }
}).listen(Number(port), '127.0.0.1');
