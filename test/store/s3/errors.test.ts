import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import {
  BucketMissingError,
  DeniedError,
  NotFoundError,
  PermanentError,
  type StoreError,
  TransientError,
} from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { freePort } from '../../servers/free-port.ts';
import { startProxy } from '../../servers/proxy.ts';
import { bytes, keysOf } from '../collect.ts';
import { refuse, withFake } from './fake.ts';

/** Runs a call that has to fail, and gives its error. */
async function failure(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** One call by the SDK, and those without it. */
const calls = (store: ObjectStore) => [
  () => store.open({ create: false }),
  () => store.put('a', bytes('x')),
  () => store.get('a', { maxBytes: 1 }),
];

type Class = abstract new (...args: never[]) => StoreError;

const ANSWERS: readonly [number, string, Class][] = [
  [404, 'NoSuchBucket', BucketMissingError],
  [403, 'AccessDenied', DeniedError],
  [403, 'InvalidAccessKeyId', DeniedError],
  [403, 'SignatureDoesNotMatch', DeniedError],
  [403, 'Whatever', DeniedError],
  [401, 'Unauthorized', DeniedError],
  [400, 'ExpiredToken', DeniedError],
  [400, 'InvalidToken', DeniedError],
  [400, 'AuthorizationHeaderMalformed', DeniedError],
  [408, 'RequestTimeout', TransientError],
  [400, 'RequestTimeout', TransientError],
  [429, 'TooManyRequests', TransientError],
  [500, 'InternalError', TransientError],
  [502, '', TransientError],
  [503, 'SlowDown', TransientError],
  [504, '', TransientError],
  [400, 'BadDigest', TransientError],
  [400, 'XAmzContentSHA256Mismatch', TransientError],
  [400, 'IncompleteBody', TransientError],
  [403, 'RequestTimeTooSkewed', TransientError],
  [409, 'OperationAborted', TransientError],
  [400, 'InvalidArgument', PermanentError],
  [400, 'EntityTooLarge', PermanentError],
  [403, 'InvalidObjectState', PermanentError],
  [403, 'QuotaExceeded', PermanentError],
  [405, 'MethodNotAllowed', PermanentError],
  [501, 'NotImplemented', PermanentError],
  [507, 'XMinioStorageFull', PermanentError],
];

describe('what S3 refuses', () => {
  for (const [status, code, expected] of ANSWERS) {
    it(`with ${status} ${code} is a ${expected.name}`, () =>
      withFake(
        (_seen, answer) => refuse(answer, status, code),
        async (store) => {
          for (const call of [
            () => keysOf(store),
            () => store.put('a', bytes('x')),
            () => store.get('a', { maxBytes: 1 }),
          ]) {
            const error = await failure(call);
            assert.ok(error instanceof expected, inspect(error));
            assert.match(error.message, new RegExp(`\\(.*HTTP ${status}\\)$`));
            assert.ok(error.message.includes(code));
          }
        },
      ));
  }

  it('is distinguished by the status alone, without a body, or with one of a proxy', async () => {
    const bodies = ['', '<html><body><h1>Sorry</body></html>', 'no <xml', '{"error":"json"}'];
    const statuses: readonly [number, Class][] = [
      [400, PermanentError],
      [401, DeniedError],
      [403, DeniedError],
      [404, BucketMissingError],
      [429, TransientError],
      [502, TransientError],
      [503, TransientError],
    ];
    for (const body of bodies) {
      for (const [status, expected] of statuses) {
        await withFake(
          (_seen, answer) => answer.writeHead(status).end(body),
          async (store) => {
            const error = await failure(() => keysOf(store));
            assert.ok(error instanceof expected, `${status} ${body}: ${inspect(error)}`);
            const read = await failure(() => store.get('a', { maxBytes: 1 }));
            assert.ok(
              read instanceof (status === 404 ? NotFoundError : expected),
              `${status} ${body}: ${inspect(read)}`,
            );
          },
        );
      }
    }
  });

  it('temporarily has the time to wait', async () => {
    const answers: readonly [Record<string, string>, number | undefined][] = [
      [{ 'retry-after': '7' }, 7000],
      [{ 'Retry-After': 'soon' }, undefined],
      [{}, undefined],
    ];
    for (const [headers, expected] of answers) {
      await withFake(
        (_seen, answer) => refuse(answer, 503, 'SlowDown', { headers }),
        async (store) => {
          const error = await failure(() => store.put('a', bytes('x')));
          assert.ok(error instanceof TransientError);
          assert.equal(error.retryAfter, expected);
        },
      );
    }
  });

  it('because of the region names the right one', async () => {
    const headers = { 'x-amz-bucket-region': 'eu-central-1' };
    const answers: readonly [number, string, object][] = [
      [301, 'PermanentRedirect', { headers }],
      [400, 'AuthorizationHeaderMalformed', { more: '<Region>eu-central-1</Region>' }],
      [400, 'IllegalLocationConstraintException', { headers }],
    ];
    for (const [status, code, more] of answers) {
      await withFake(
        (_seen, answer) => refuse(answer, status, code, more),
        async (store) => {
          for (const call of calls(store)) {
            const error = await failure(call);
            assert.ok(error instanceof PermanentError, inspect(error));
            assert.match(error.message, /the bucket is in region eu-central-1; set region=eu-central-1 \(/);
          }
        },
      );
    }
  });

  it('because it is elsewhere names the location, and is not followed', async () => {
    const elsewhere = await startProxy();
    const location = `${elsewhere.url}/backups/a?X-Amz-Signature=hunter2`;
    const answers: readonly [number, Parameters<typeof refuse>[3], RegExp, Class][] = [
      [301, { headers: { location } }, new RegExp(`redirects to ${elsewhere.url}; set that endpoint`), PermanentError],
      [302, { headers: { location } }, new RegExp(`redirects to ${elsewhere.url}; set that endpoint`), PermanentError],
      [301, { more: '<Endpoint>rgw.example.org</Endpoint>' }, /redirects to rgw\.example\.org; set/, PermanentError],
      [301, {}, /the bucket is in another region; set its region/, PermanentError],
      [307, { headers: { location } }, new RegExp(`redirects to ${elsewhere.url}; set that endpoint`), TransientError],
      [307, { headers: { location, 'x-amz-bucket-region': 'eu-north-1' } }, /set region=eu-north-1/, TransientError],
    ];
    try {
      for (const [status, more, message, expected] of answers) {
        await withFake(
          (_seen, answer) => refuse(answer, status, 'Redirect', more),
          async (store) => {
            for (const call of calls(store)) {
              const error = await failure(call);
              assert.ok(error instanceof expected, inspect(error));
              assert.match(error.message, message);
              assert.doesNotMatch(error.message, /hunter2/);
            }
          },
        );
      }
      assert.equal(elsewhere.seen.length, 0);
    } finally {
      await elsewhere.stop();
    }
  });

  it('contains the message of the server', () =>
    withFake(
      (_seen, answer) => refuse(answer, 400, 'InvalidStorageClass', { more: '<Message>no class COLD</Message>' }),
      async (store) => {
        const error = await failure(() => store.put('a', bytes('x')));
        assert.ok(error instanceof PermanentError);
        assert.equal(error.message, 'Cannot store "a" on s3:backups: no class COLD (InvalidStorageClass, HTTP 400)');
      },
    ));

  it('contains no secret, at any depth of the error', () =>
    withFake(
      (seen, answer) =>
        refuse(answer, 403, 'SignatureDoesNotMatch', {
          // Amazon sends back what it had to sign, the token with it.
          more: `<CanonicalRequest>x-amz-security-token:${seen.headers['x-amz-security-token']}</CanonicalRequest><Message>hunter2token</Message>`,
        }),
      async (store, server) => {
        const error = await failure(() => store.put('a', bytes('x')));
        assert.equal(server.seen[0]?.headers['x-amz-security-token'], 'hunter2token');
        const shown = inspect(error, { depth: 20, showHidden: true, getters: true });
        assert.doesNotMatch(shown, /hunter2|AKIDTEST/);
        assert.match(shown, /\[cause\]: SignatureDoesNotMatch/);
      },
      { sessionToken: 'hunter2token' },
    ));
});

describe('a connection to S3', () => {
  it('that is refused may be retried, and the message names the setting', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    await withFake(
      () => {},
      async (store) => {
        const error = await failure(() => store.put('a', bytes('x')));
        assert.ok(error instanceof TransientError, inspect(error));
        assert.match(error.message, /ECONNREFUSED.*; check endpoint=, and whether the store runs/);
      },
      { endpoint },
    );
  });

  it('to a host without an address may be retried, and the message names the settings', () =>
    withFake(
      () => {},
      async (store) => {
        const error = await failure(() => store.put('a', bytes('x')));
        assert.ok(error instanceof TransientError, inspect(error));
        assert.match(error.message, /; check endpoint= and region=, and the name service/);
      },
      { endpoint: 'http://s3.invalid' },
    ));

  it('that is reset before the response may be retried', () =>
    withFake(
      (_seen, answer) => answer.socket?.resetAndDestroy(),
      async (store) => {
        for (const call of [() => store.put('a', bytes('x')), () => keysOf(store)]) {
          const error = await failure(call);
          assert.ok(error instanceof TransientError, inspect(error));
        }
      },
    ));

  it('that is closed before the response may be retried', () =>
    withFake(
      (_seen, answer) => answer.socket?.end(),
      async (store) => {
        const error = await failure(() => store.put('a', bytes('x')));
        assert.ok(error instanceof TransientError, inspect(error));
      },
    ));

  it('with a response that is not HTTP may be retried', () =>
    withFake(
      (_seen, answer) => answer.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'),
      async (store) => {
        const error = await failure(() => store.put('a', bytes('x')));
        assert.ok(error instanceof TransientError, inspect(error));
      },
    ));

  it('that stalls ends at its idle or total deadline, whichever is sooner', async () => {
    for (const timeouts of [
      { idle: 0.3, total: 20 },
      { idle: 20, total: 0.3 },
    ]) {
      await withFake(
        (seen, answer) => {
          if (seen.method === 'GET') answer.writeHead(200, { 'content-length': '10' }).write('12345');
        },
        async (store) => {
          for (const call of [() => store.put('a', bytes('x')), () => store.get('a', { maxBytes: 10 })]) {
            const started = performance.now();
            const error = await failure(call);
            assert.ok(error instanceof TransientError, inspect(error));
            assert.ok(performance.now() - started < 5000);
          }
        },
        { timeouts },
      );
    }
  });

  it('that is very slow ends at its total deadline', () =>
    withFake(
      (_seen, answer) => {
        answer.writeHead(200, { 'content-length': '1000' });
        const drip = setInterval(() => answer.write('x'), 50);
        answer.on('close', () => clearInterval(drip));
      },
      async (store) => {
        const error = await failure(() => store.get('a', { maxBytes: 1000 }));
        assert.ok(error instanceof TransientError, inspect(error));
        assert.match(error.message, /no answer within 0.6 s/);
      },
      { timeouts: { idle: 10, total: 0.6 } },
    ));
});
