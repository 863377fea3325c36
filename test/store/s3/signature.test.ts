import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { connect } from '../../../lib/store/drivers/s3/client.ts';
import type { S3StoreOptions } from '../../../lib/store/drivers/s3/options.ts';
import { encodeKey, encodeQuery, Signer } from '../../../lib/store/drivers/s3/signature.ts';
import { whereGiven, whereResolved } from '../../../lib/store/drivers/s3/where.ts';

/** A request as the SDK would send it. */
interface Sent {
  readonly method: string;
  readonly hostname: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

class Caught extends Error {
  readonly sent: Sent;
  constructor(sent: Sent) {
    super('caught');
    this.sent = sent;
  }
}

/** The request with which the SDK stores an object, signed. */
async function sentBySdk(
  options: S3StoreOptions,
  { key, body, ahead, query }: { key: string; body: Uint8Array; ahead: number; query: Record<string, string> },
): Promise<Sent> {
  const { PutObjectCommand } = await import('@aws-sdk/client-s3');
  const { client } = await connect(options);
  client.config.systemClockOffset = ahead;
  const command = new PutObjectCommand({
    Bucket: options.bucket,
    Key: key,
    Body: body,
    ContentMD5: 'd41d8cd98f00b204e9800998ecf8427e',
    Tagging: 'a=b%20c',
  });
  // Instead of the SDK's own, which names the operation.
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign(args.request as object, { query });
      return next(args);
    },
    { step: 'build', name: 'withOtherQuery' },
  );
  command.middlewareStack.add(
    () => (args) => {
      throw new Caught(args.request as Sent);
    },
    { step: 'deserialize', priority: 'low', name: 'catch' },
  );
  try {
    await client.send(command);
  } catch (error) {
    if (error instanceof Caught) return error.sent;
    throw error;
  } finally {
    client.destroy();
  }
  throw new Error('nothing was sent');
}

const base = { bucket: 'backups', accessKeyId: 'AKIDTEST', secretAccessKey: 'hunter2/+secret', region: 'eu-west-1' };

const key = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.stringMatching(/^[ -~]{1,60}$/),
    fc.constantFrom(
      "!'()*",
      'a+b c%2Fd',
      '..',
      'a/../b//c',
      '/lead',
      'servers/web01/2026-11-22T03:14:15+00:00.wsp.gz',
      '😀',
    ),
  )
  .filter((text) => !/[\p{Surrogate}\0]/u.test(text));

const options: fc.Arbitrary<S3StoreOptions> = fc
  .record({
    sessionToken: fc.option(fc.stringMatching(/^[\w+/=]{10,40}$/), { nil: undefined }),
    secretAccessKey: fc.stringMatching(/^[\w+/]{1,50}$/),
    region: fc.constantFrom('us-east-1', 'eu-west-1', 'default'),
    place: fc.constantFrom<Partial<S3StoreOptions>>(
      { endpoint: 'http://127.0.0.1:7480' },
      { endpoint: 'https://s3.example.org' },
      { endpoint: 'https://s3.example.org:443/base/path/' },
      { endpoint: 'https://[::1]:9000' },
      { endpoint: 'https://s3.example.org', pathStyle: false },
      { bucket: 'with.dots' },
      {},
    ),
  })
  .map(({ place, sessionToken, ...rest }) => ({
    ...base,
    ...rest,
    ...place,
    ...(sessionToken !== undefined && { sessionToken }),
  }));

describe('the signature of a request', () => {
  it('equals that of the SDK, for the same path on the same host', async () => {
    await fc.assert(
      fc.asyncProperty(
        options,
        key,
        fc.uint8Array({ maxLength: 50 }),
        fc.integer({ min: -1e10, max: 1e10 }),
        fc.dictionary(fc.stringMatching(/^[a-z-]{1,10}$/), fc.oneof(key, fc.constant('')), { maxKeys: 4 }),
        async (options, key, body, ahead, query) => {
          const sent = await sentBySdk(options, { key, body, ahead, query });
          const connection = await connect(options);
          const resolved = await whereResolved(connection, options.bucket);
          connection.client.destroy();
          const where = whereGiven(options) ?? resolved;
          assert.deepEqual(where, resolved);
          const path = `${where.path}/${encodeKey(key)}`;
          assert.equal(path, sent.path);
          assert.equal(where.origin.host, sent.hostname.replace(/^\[|\]$/g, ''));

          const { authorization, 'x-amz-date': date = '', host } = sent.headers;
          const added = ['authorization', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token', 'user-agent'];
          const given = Object.entries(sent.headers).filter(([name]) => !added.includes(name));
          const iso = date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
          const { sessionToken, accessKeyId = '', secretAccessKey = '' } = options;
          const signed = new Signer(where.region).sign(
            { method: sent.method, path, query: encodeQuery(query), headers: Object.fromEntries(given), body },
            { accessKeyId, secretAccessKey, sessionToken },
            Date.parse(iso),
          );
          assert.equal(host, where.host);
          assert.equal(signed['x-amz-date'], date);
          assert.equal(signed['authorization'], authorization);
          assert.equal(signed['x-amz-content-sha256'], sent.headers['x-amz-content-sha256']);
          assert.equal(signed['x-amz-security-token'], sent.headers['x-amz-security-token']);
        },
      ),
      { numRuns: 150, ...(process.env['TEST_SEED'] && { seed: Number(process.env['TEST_SEED']) }) },
    );
  });

  it('uses a new key on another day, with another secret, and for another region', () => {
    const unsigned = { method: 'GET', path: '/a', headers: { host: 'h' }, body: new Uint8Array(0) };
    const keys = { accessKeyId: 'AKID', secretAccessKey: 'one' };
    const day = Date.parse('2026-11-22T23:59:59.999Z');
    const of = (signer: Signer, given = keys, time = day) => signer.sign(unsigned, given, time)['authorization'];
    const signer = new Signer('eu-west-1');
    const first = of(signer);
    assert.notEqual(of(signer, { ...keys, secretAccessKey: 'two' }), first);
    assert.match(of(signer, keys, day + 1) ?? '', /AKID\/20261123\/eu-west-1\/s3\/aws4_request/);
    assert.equal(of(signer), first);
    assert.notEqual(of(new Signer('eu-west-2')), first);
  });
});
