import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { createSwiftStore, type SwiftStoreOptions } from '../../../lib/store/drivers/swift/swift.ts';
import {
  BucketMissingError,
  DeniedError,
  NotFoundError,
  PermanentError,
  type StoreError,
  TooLargeError,
  TransientError,
} from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { freePort } from '../../servers/free-port.ts';
import { bytes, text } from '../collect.ts';
import { type Behaviour, type FakeSwift, startFakeSwift } from './fake-swift.ts';

async function withFake(
  behaviour: Behaviour,
  test: (store: ObjectStore, fake: FakeSwift) => Promise<void>,
  options: Partial<SwiftStoreOptions> = {},
): Promise<void> {
  await using fake = await startFakeSwift(behaviour);
  const store = createSwiftStore({ ...fake.options, ...options });
  try {
    await test(store, fake);
  } finally {
    await store.close();
  }
}

const md5OfBody = '841a2d689ad86bd1611447453c22c6fc';
const good = { status: 200, headers: { etag: md5OfBody }, body: 'body' };

async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  try {
    await call;
  } catch (error) {
    // Whatever it is, the assertions that follow say so.
    return error as StoreError;
  }
  throw new Error('it did not fail');
}

describe('a status of Swift', () => {
  const meanings: readonly [number, new (message: string) => StoreError, RegExp][] = [
    [301, PermanentError, /redirects to another URL/],
    [400, PermanentError, /rejected the request/],
    [403, DeniedError, /does not have the permission/],
    [404, NotFoundError, /no such object/],
    [408, TransientError, /busy/],
    [409, TransientError, /conflicts with another/],
    [412, PermanentError, /rejected the request/],
    [413, PermanentError, /quota/],
    [422, TransientError, /damaged/],
    [429, TransientError, /busy/],
    [498, TransientError, /busy/],
    [499, TransientError, /busy/],
    [500, TransientError, /failed/],
    [501, PermanentError, /does not support this/],
    [503, TransientError, /failed/],
    [507, TransientError, /failed/],
  ];
  for (const [status, kind, message] of meanings) {
    it(`has a meaning: ${status}`, async () => {
      await withFake(
        () => ({ status, headers: { 'x-trans-id': 'tx123' }, body: '<html><h1>Why</h1><p>Because.</p></html>' }),
        async (store) => {
          const error = await failureOf(store.get('a key', { maxBytes: 10 }));
          assert.ok(error instanceof kind, String(error));
          assert.equal(error.transient, kind === TransientError);
          assert.match(error.message, message);
          assert.match(error.message, /^Cannot read "a key" from swift:bucket: /);
          assert.ok(error.message.endsWith(`(${status}; Why Because.; request tx123)`), error.message);
        },
      );
    });
  }

  it('is 404 if an object is put into a missing container', async () => {
    await withFake(
      () => ({ status: 404 }),
      async (store) => assert.ok((await failureOf(store.put('a', bytes('x')))) instanceof BucketMissingError),
    );
  });

  const waits: readonly [string, number][] = [
    ['7', 7000],
    ['0.5', 500],
    ['Sun, 22 Nov 2026 03:14:35 GMT', 20_000],
    ['Sun, 22 Nov 2026 03:14:00 GMT', 0],
  ];
  for (const [header, wait] of waits) {
    it(`has the time to wait: ${header}`, async () => {
      const headers = { 'retry-after': header, date: 'Sun, 22 Nov 2026 03:14:15 GMT' };
      await withFake(
        () => ({ status: 503, headers }),
        async (store) => {
          const error = await failureOf(store.put('a', bytes('x')));
          assert.ok(error instanceof TransientError);
          assert.equal(error.retryAfter, wait);
        },
      );
    });
  }

  it('has no time to wait, or an invalid one', async () => {
    for (const headers of [{}, { 'retry-after': 'soon' }, { 'retry-after': '-5' }]) {
      await withFake(
        () => ({ status: 429, headers }),
        async (store) => {
          const error = await failureOf(store.put('a', bytes('x')));
          assert.ok(error instanceof TransientError);
          assert.equal(error.retryAfter, undefined);
        },
      );
    }
  });

  it('has a message that is omitted if it contains a secret', async () => {
    await withFake(
      ({ headers }) => ({ status: 400, body: `You sent x-auth-token: ${headers['x-auth-token']}` }),
      async (store) => {
        const { message } = await failureOf(store.get('a', { maxBytes: 1 }));
        assert.equal(message, 'Cannot read "a" from swift:bucket: the server rejected the request (400)');
      },
    );
  });

  it('that redirects is not followed, because the token must not be sent there', async () => {
    await using elsewhere = await startFakeSwift();
    await withFake(
      () => ({ status: 307, headers: { location: `${elsewhere.url}/v1/AUTH_test/bucket/a` } }),
      async (store) => {
        assert.ok((await failureOf(store.put('a', bytes('x')))) instanceof PermanentError);
        assert.ok((await failureOf(store.get('a', { maxBytes: 1 }))) instanceof PermanentError);
        assert.equal(elsewhere.requests.length, 0);
      },
    );
  });
});

describe('the token', () => {
  it('is requested once for many requests', async () => {
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        await pMap(Array.from({ length: 30 }), (_, i) => store.put(`${i}`, bytes('x')), { concurrency: 30 });
        assert.equal(fake.logins, 1);
        assert.ok(fake.requests.every(({ headers }) => headers['x-auth-token'] === 'the-Token-1'));
      },
    );
  });

  it('is renewed once for many refused requests', async () => {
    await withFake(
      ({ headers }) => ({ status: headers['x-auth-token'] === 'the-Token-2' ? 201 : 401 }),
      async (store, fake) => {
        await pMap(Array.from({ length: 30 }), (_, i) => store.put(`${i}`, bytes('x')), { concurrency: 30 });
        assert.equal(fake.logins, 2);
        assert.equal(fake.requests.length, 60);
      },
    );
  });

  it('is renewed once for a request, and then it is denied', async () => {
    await withFake(
      () => ({ status: 401 }),
      async (store, fake) => {
        assert.ok((await failureOf(store.get('a', { maxBytes: 1 }))) instanceof DeniedError);
        assert.equal(fake.logins, 2);
        assert.equal(fake.requests.length, 2);
      },
    );
  });

  it('that was accepted before is renewed when it is refused with 403', async () => {
    let valid = 'the-Token-1';
    await withFake(
      ({ headers }) => ({ status: headers['x-auth-token'] === valid ? 201 : 403 }),
      async (store, fake) => {
        await store.put('a', bytes('x'));
        valid = 'the-Token-2';
        await pMap(Array.from({ length: 30 }), (_, i) => store.put(`${i}`, bytes('x')), { concurrency: 30 });
        assert.equal(fake.logins, 2);
      },
    );
  });

  it('is not renewed again and again when a permission is missing', async () => {
    await withFake(
      ({ method }) => ({ status: method === 'PUT' ? 403 : 200 }),
      async (store, fake) => {
        assert.ok((await failureOf(store.put('a', bytes('x')))) instanceof DeniedError);
        assert.equal(fake.logins, 1);
        for (let i = 0; i < 5; i++) {
          await store.get('a', { maxBytes: 1 });
          assert.ok((await failureOf(store.put('a', bytes('x')))) instanceof DeniedError);
        }
        assert.equal(fake.logins, 2);
      },
    );
  });

  it('is renewed a tenth of its lifetime before it expires', async () => {
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        const { login } = fake;
        fake.login = (...asked) => {
          const said = login(...asked);
          return said === 'handled' ? said : { ...said, headers: { ...said.headers, 'x-auth-token-expires': '1' } };
        };
        await store.put('a', bytes('x'));
        await store.put('a', bytes('x'));
        assert.equal(fake.logins, 1);
        await sleep(950);
        await store.put('a', bytes('x'));
        assert.equal(fake.logins, 2);
      },
    );
  });

  it('is not requested repeatedly if the credentials are refused', async () => {
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        fake.login = () => ({ status: 401, body: 'No: the-Key' });
        for (let i = 0; i < 5; i++) {
          const error = await failureOf(store.put('a', bytes('x')));
          assert.ok(error instanceof DeniedError);
          assert.doesNotMatch(`${error.stack} ${error.cause}`, /the-Key/);
        }
        assert.equal(fake.logins, 1);
      },
    );
  });

  it('is requested again if the login failed temporarily', async () => {
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        const { login } = fake;
        fake.login = (...asked) => (fake.logins === 1 ? { status: 503, body: 'the-Key' } : login(...asked));
        const error = await failureOf(store.put('a', bytes('x')));
        assert.ok(error instanceof TransientError);
        assert.doesNotMatch(String(error), /the-Key/);
        await store.put('a', bytes('x'));
      },
    );
  });

  it('delays a request no longer than its signal', async () => {
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        fake.login = () => 'handled';
        const reason = new Error('enough');
        const controller = new AbortController();
        setTimeout(() => controller.abort(reason), 50);
        assert.equal(await failureOf(store.put('a', bytes('x'), { signal: controller.signal })), reason);
      },
      { idleTimeout: 5 },
    );
  });

  it('comes from auth v1, or the problem is reported', async () => {
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        fake.login = () => ({ status: 200, body: 'Welcome' });
        await assert.rejects(
          store.put('a', bytes('x')),
          /no token and account; check that this is the URL of auth v1$/,
        );
      },
    );
  });

  it('accepts users and keys in any script', async () => {
    await using fake = await startFakeSwift(() => ({ status: 201 }));
    const { login } = fake;
    const seen: (string | string[] | undefined)[] = [];
    fake.login = (asked, response) => {
      seen.push(asked.headers['x-auth-user'], asked.headers['x-auth-key']);
      return login(asked, response);
    };
    const auth = { method: 'v1', authUrl: `${fake.url}/auth/v1.0`, user: 'tést:ユーザ', key: 'clé' } as const;
    const store = createSwiftStore({ container: 'bucket', auth });
    await store.put('a', bytes('x'));
    await store.close();
    assert.deepEqual(
      seen.map((value) => Buffer.from(String(value), 'latin1').toString('utf8')),
      ['tést:ユーザ', 'clé'],
    );
  });
});

describe('a body', () => {
  it('is sent with its MD5, for the server to check', async () => {
    await withFake(
      ({ headers }) => ({ status: 201, headers: { etag: String(headers['etag']) } }),
      async (store, fake) => {
        await store.put('a', bytes('body'));
        assert.equal(fake.requests[0]?.headers['etag'], md5OfBody);
        assert.equal(fake.requests[0]?.headers['content-length'], '4');
        assert.equal(String(fake.requests[0]?.body), 'body');
      },
    );
  });

  it('does not count as stored if the server returns another MD5', async () => {
    await withFake(
      () => ({ status: 201, headers: { etag: '"00000000000000000000000000000000"' } }),
      async (store) => assert.ok((await failureOf(store.put('a', bytes('body')))) instanceof TransientError),
    );
  });

  it('may exceed the limit of the server, which is an error', async () => {
    const body = bytes('x');
    Object.defineProperty(body, 'length', { value: 2 * 1024 ** 3 + 1 });
    await withFake(
      () => ({ status: 201 }),
      async (store, fake) => {
        const error = await failureOf(store.put('a', body));
        assert.ok(error instanceof PermanentError);
        assert.match(error.message, /has 2147483649 bytes, the limit is 2147483648 \(2 GiB\)$/);
        assert.equal(fake.requests.length, 0);
      },
    );
  });

  it('is checked when it is read, with any quotes around its MD5', async () => {
    for (const etag of [md5OfBody, `"${md5OfBody}"`, md5OfBody.toUpperCase()]) {
      await withFake(
        () => ({ ...good, headers: { etag } }),
        async (store) => assert.equal(text(await store.get('a', { maxBytes: 4 })), 'body'),
      );
    }
  });

  it('with a flipped byte may be retried', async () => {
    await withFake(
      () => ({ ...good, body: 'bodz' }),
      async (store) => {
        const error = await failureOf(store.get('a', { maxBytes: 4 }));
        assert.ok(error instanceof TransientError);
        assert.match(error.message, /^Cannot read "a" from swift:bucket: the body was damaged/);
      },
    );
  });

  it('that is truncated may be retried', async () => {
    await withFake(
      (_, response) => {
        response.writeHead(200, { etag: md5OfBody, 'content-length': '4' });
        response.write('bo', () => setTimeout(() => response.destroy(), 20));
        return 'handled';
      },
      async (store) => {
        const error = await failureOf(store.get('a', { maxBytes: 4 }));
        assert.ok(error instanceof TransientError, String(error));
        assert.match(error.message, /^Cannot read "a" from swift:bucket: /);
      },
    );
  });

  it('is aborted if it exceeds the limit, with or without a declared length', async () => {
    for (const headers of [{ 'content-length': '1000000' }, {}]) {
      await withFake(
        (_, response) => {
          response.writeHead(200, headers);
          response.write('x'.repeat(500_000));
          return 'handled';
        },
        async (store) => assert.ok((await failureOf(store.get('a', { maxBytes: 4 }))) instanceof TooLargeError),
      );
    }
  });

  it('that was stored with a Content-Encoding is read unchanged', async () => {
    await withFake(
      () => ({ ...good, headers: { etag: md5OfBody, 'content-encoding': 'gzip' } }),
      async (store) => assert.equal(text(await store.get('a', { maxBytes: 4 })), 'body'),
    );
  });

  it('of a large object is not compared with its ETag', async () => {
    for (const mark of ['x-static-large-object', 'x-object-manifest']) {
      await withFake(
        () => ({ ...good, headers: { etag: '"00000000000000000000000000000000"', [mark]: 'True' } }),
        async (store) => assert.equal(text(await store.get('a', { maxBytes: 4 })), 'body'),
      );
    }
  });
});

describe('a server that does not answer', () => {
  const silent: readonly [string, Behaviour][] = [
    ['at all', () => 'handled'],
    [
      'to the end',
      (_, response) => {
        response.writeHead(200, { 'content-length': '4' });
        response.write('bo');
        return 'handled';
      },
    ],
  ];
  for (const [how, behaviour] of silent) {
    it(`${how} is aborted after the idle deadline`, async () => {
      await withFake(
        behaviour,
        async (store) => {
          const began = performance.now();
          const error = await failureOf(store.get('a', { maxBytes: 4 }));
          assert.ok(error instanceof TransientError);
          assert.equal(error.message, 'Cannot read "a" from swift:bucket: no answer within 0.3 s');
          assert.ok(performance.now() - began < 5000);
        },
        { idleTimeout: 0.3 },
      );
    });
  }

  it('but slowly is allowed until the total deadline', async () => {
    const dripping: Behaviour = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
      return 'handled';
    };
    await withFake(
      dripping,
      async (store) => {
        const began = performance.now();
        const error = await failureOf(store.get('a', { maxBytes: 1000 }));
        assert.equal(error.message, 'Cannot read "a" from swift:bucket: no answer within 1.2 s');
        assert.ok(performance.now() - began > 1100);
      },
      { idleTimeout: 0.6, totalTimeout: 1.2 },
    );
  });

  it('but slowly has more time for a larger body', async () => {
    const late: Behaviour = (_, response) => {
      setTimeout(() => response.writeHead(200, { 'content-length': '0' }).end(), 800);
      return 'handled';
    };
    const large = 60 * 64 * 1024;
    await withFake(
      late,
      async (store) => {
        assert.match((await failureOf(store.get('a', { maxBytes: large }))).message, /no answer within 0\.4 s/);
        assert.equal((await store.get('a', { maxBytes: large, expectedBytes: large })).length, 0);
        await store.put('a', new Uint8Array(large));
      },
      { idleTimeout: 5, totalTimeout: 0.4 },
    );
  });

  it('is missing, or drops the connection: may be retried', async () => {
    const port = await freePort();
    const auth = { method: 'v1', authUrl: `http://127.0.0.1:${port}/auth`, user: 'u', key: 'the-Key' } as const;
    const store = createSwiftStore({ container: 'bucket', auth });
    const error = await failureOf(store.open({ create: true }));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /the connection failed/);
    await store.close();
    await withFake(
      (_, response) => {
        response.destroy();
        return 'handled';
      },
      async (store) => {
        const error = await failureOf(store.put('a', bytes('x')));
        assert.ok(error instanceof TransientError, String(error));
        assert.match(error.message, /^Cannot store "a" on swift:bucket: the connection failed/);
      },
    );
  });

  it('is aborted at once when the signal is', async () => {
    await withFake(
      () => 'handled',
      async (store, fake) => {
        const reason = new Error('enough');
        const controller = new AbortController();
        const call = store.put('a', bytes('x'), { signal: controller.signal });
        while (fake.requests.length === 0) await sleep(5);
        controller.abort(reason);
        assert.equal(await failureOf(call), reason);
      },
    );
  });

  it('is aborted when the store is closed', async () => {
    await using fake = await startFakeSwift(() => 'handled');
    const store = createSwiftStore(fake.options);
    const call = failureOf(store.put('a', bytes('x')));
    while (fake.requests.length === 0) await sleep(5);
    const began = performance.now();
    await store.close();
    assert.match((await call).message, /^The store swift:bucket was closed$/);
    assert.ok(performance.now() - began < 5000);
  });
});

describe('the clock of Swift', () => {
  it('is the date of a response, even without a container', async () => {
    for (const status of [204, 404]) {
      await withFake(
        () => ({ status, headers: { date: 'Sun, 22 Nov 2026 03:14:15 GMT' } }),
        async (store) => assert.deepEqual(await store.clock(), new Date('2026-11-22T03:14:15Z')),
      );
    }
  });

  it('is unknown if the date is invalid', async () => {
    await withFake(
      () => ({ status: 204, headers: { date: 'today' } }),
      async (store) => assert.equal(await store.clock(), undefined),
    );
  });
});
