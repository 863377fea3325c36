import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../../lib/common/errors.ts';
import { createSwiftStore, type SwiftAuth, type SwiftStoreOptions } from '../../../lib/store/drivers/swift/swift.ts';
import { DeniedError, type StoreError, TransientError } from '../../../lib/store/errors.ts';
import { bytes } from '../collect.ts';
import { type Asked, type FakeSwift, type Said, startFakeSwift } from './fake-swift.ts';

interface Endpoint {
  readonly interface: string;
  readonly url: string;
  readonly region?: string;
  readonly region_id?: string;
}

const token = (endpoints: readonly Endpoint[], times: object = {}): Said => ({
  status: 201,
  headers: { 'x-subject-token': 'the-Token' },
  body: JSON.stringify({
    token: {
      ...times,
      catalog: [
        { type: 'identity', endpoints: [{ interface: 'public', url: 'http://127.0.0.1:1', region: 'R' }] },
        { type: 'object-store', name: 'swift', endpoints },
      ],
    },
  }),
});

/** Puts one object with a fake Keystone, whose path ends in `/v3/auth/tokens`. */
async function put(
  auth: (authUrl: string) => SwiftAuth,
  answer: (fake: FakeSwift) => Said,
  options: Partial<SwiftStoreOptions> = {},
): Promise<{ keystone: Asked[]; swift: string[] }> {
  const keystone: Asked[] = [];
  const swift: string[] = [];
  await using fake: FakeSwift = await startFakeSwift((asked) => {
    if (!asked.url.startsWith('/identity')) {
      swift.push(asked.url);
      return { status: 201 };
    }
    keystone.push(asked);
    return asked.url === '/identity/v3/auth/tokens' ? answer(fake) : { status: 404 };
  });
  const store = createSwiftStore({ container: 'bucket', auth: auth(`${fake.url}/identity`), ...options });
  try {
    await store.put('a', bytes('x'));
    return { keystone, swift };
  } finally {
    await store.close();
  }
}

const password = (authUrl: string): SwiftAuth => ({
  method: 'password',
  authUrl,
  user: { name: 'user' },
  password: 'the-Password',
  project: { name: 'project' },
});

const here = (fake: FakeSwift): Said => token([{ interface: 'public', url: `${fake.url}/v1/AUTH_p`, region: 'R' }]);

describe('Keystone', () => {
  const bodies: readonly [string, (authUrl: string) => SwiftAuth, unknown][] = [
    [
      'names, in the default domain',
      password,
      {
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: 'user', domain: { id: 'default' }, password: 'the-Password' } },
          },
          scope: { project: { name: 'project', domain: { id: 'default' } } },
        },
      },
    ],
    [
      'ids, and names in other domains',
      (authUrl) => ({
        method: 'password',
        authUrl,
        user: { name: 'user', domain: { name: 'Other' } },
        password: 'the-Password',
        project: { id: '12' },
      }),
      {
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: 'user', domain: { name: 'Other' }, password: 'the-Password' } },
          },
          scope: { project: { id: '12' } },
        },
      },
    ],
    [
      'an application credential by id',
      (authUrl) => ({ method: 'application-credential', authUrl, id: '34', secret: 'the-Secret' }),
      {
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { id: '34', secret: 'the-Secret' },
          },
        },
      },
    ],
    [
      'an application credential by name',
      (authUrl) => ({
        method: 'application-credential',
        authUrl,
        name: 'backup',
        user: { id: '56' },
        secret: 'the-Secret',
      }),
      {
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { name: 'backup', user: { id: '56' }, secret: 'the-Secret' },
          },
        },
      },
    ],
  ];
  for (const [what, auth, body] of bodies) {
    it(`gets ${what}`, async () => {
      const { keystone, swift } = await put(auth, here);
      assert.equal(keystone.length, 1);
      assert.equal(keystone[0]?.method, 'POST');
      assert.deepEqual(JSON.parse(String(keystone[0]?.body)), body);
      assert.deepEqual(swift, ['/v1/AUTH_p/bucket/a']);
    });
  }

  it('is found with and without /v3 and slashes after its URL', async () => {
    for (const end of ['', '/', '/v3', '/v3/', '//']) {
      const { keystone } = await put((authUrl) => password(authUrl + end), here);
      assert.deepEqual(
        keystone.map(({ url }) => url),
        ['/identity/v3/auth/tokens'],
      );
    }
  });

  it('is an error if there is none', async () => {
    await assert.rejects(
      put((authUrl) => password(`${authUrl}/v2.0`), here),
      /there is no Keystone v3 at that URL \(404\)/,
    );
  });

  it('refuses without a secret in the message', async () => {
    const said = { status: 401, body: '{"error": {"message": "Wrong password: the-Password"}}' };
    await assert.rejects(
      put(password, () => said),
      (error) => {
        assert.ok(error instanceof DeniedError);
        assert.doesNotMatch(`${error.stack}`, /the-Password/);
        return true;
      },
    );
  });

  it('issues a token with a lifetime by its own clock', async () => {
    let logins = 0;
    const times = { issued_at: '2001-01-01T00:00:00.000000Z', expires_at: '2001-01-01T00:00:01.000000Z' };
    await using fake: FakeSwift = await startFakeSwift(({ url }) => {
      if (!url.startsWith('/identity')) return { status: 201 };
      logins++;
      return token([{ interface: 'public', url: `${fake.url}/v1/AUTH_p` }], times);
    });
    const store = createSwiftStore({ container: 'bucket', auth: password(`${fake.url}/identity`) });
    await store.put('a', bytes('x'));
    await store.put('a', bytes('x'));
    assert.equal(logins, 1);
    await new Promise((resolve) => setTimeout(resolve, 950));
    await store.put('a', bytes('x'));
    assert.equal(logins, 2);
    await store.close();
  });

  const junk: readonly [string, Said, RegExp][] = [
    ['no token', { status: 201, body: '{}' }, /no token; check that this is the URL of Keystone v3$/],
    ['HTML', { status: 200, headers: { 'x-subject-token': 't' }, body: '<html>' }, /not from Keystone v3$/],
    ['another form', { status: 201, headers: { 'x-subject-token': 't' }, body: '{}' }, /not from Keystone v3$/],
  ];
  for (const [what, said, message] of junk) {
    it(`is rejected if it responds with ${what}`, async () => {
      await assert.rejects(
        put(password, () => said),
        message,
      );
    });
  }

  it('that fails is retried', async () => {
    const failed = put(password, () => ({ status: 503 }));
    await assert.rejects(failed, (error: StoreError) => error instanceof TransientError);
  });
});

describe('the endpoint', () => {
  const endpoints = (url: string): Endpoint[] => [
    { interface: 'admin', url: `${url}/admin`, region: 'R1', region_id: 'R1' },
    { interface: 'public', url: `${url}/public1`, region: 'R1', region_id: 'R1' },
    { interface: 'public', url: `${url}/public2/`, region: 'R2' },
    { interface: 'internal', url: `${url}/internal`, region_id: 'R1' },
  ];
  const chosen: readonly [string, Partial<SwiftStoreOptions>, string][] = [
    ['region', { region: 'R1' }, '/public1'],
    ['another region', { region: 'R2' }, '/public2'],
    ['interface, when only one region has it', { interface: 'internal' }, '/internal'],
    ['both', { interface: 'admin', region: 'R1' }, '/admin'],
  ];
  for (const [by, options, path] of chosen) {
    it(`is chosen by ${by}`, async () => {
      const { swift } = await put(password, ({ url }) => token(endpoints(url)), options);
      assert.deepEqual(swift, [`${path}/bucket/a`]);
    });
  }

  const refused: readonly [string, Partial<SwiftStoreOptions>, readonly Endpoint[] | undefined, RegExp][] = [
    ['two regions have it', {}, undefined, /several regions, set one of "R1", "R2"$/],
    ['no region of that name has it', { region: 'R3' }, undefined, /no region "R3", only "R1", "R2"$/],
    [
      'there is no such interface',
      { interface: 'admin' },
      [{ interface: 'public', url: 'http://x' }],
      /only "public"$/,
    ],
    ['there is no object store', {}, [], /has no object store$/],
    ['its URL is none', {}, [{ interface: 'public', url: 'swift' }], /must be a URL with http or https: got "swift"$/],
  ];
  for (const [when, options, given, message] of refused) {
    it(`is not guessed if ${when}`, async () => {
      await assert.rejects(
        put(password, ({ url }) => token(given ?? endpoints(url)), options),
        (error) => {
          assert.ok(error instanceof InvalidOptionError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});

describe('impossible options', () => {
  const auth = { method: 'v1', authUrl: 'https://swift.example.org/auth', user: 'u', key: 'k' } as const;
  const wrong: readonly [string, Partial<SwiftStoreOptions>, RegExp][] = [
    ['an empty container', { container: '' }, /1 to 256 bytes and no '\/': got ""$/],
    ['a slash in the container', { container: 'a/b' }, /no '\/': got "a\/b"$/],
    ['a container of 257 bytes', { container: 'x'.repeat(257) }, /1 to 256 bytes/],
    [
      'no URL',
      { auth: { ...auth, authUrl: 'swift' } },
      /'authUrl' \(ST_AUTH, OS_AUTH_URL\) must be a URL with http or https: got "swift"$/,
    ],
    ['another protocol', { auth: { ...auth, authUrl: 'ftp://x/' } }, /http or https/],
    [
      'a password in a URL',
      { auth: { ...auth, authUrl: 'https://u:hunter2@x/' } },
      /must not contain a user or a password$/,
    ],
    ['a password in what is no URL', { auth: { ...auth, authUrl: 'x://u:hunter2@[' } }, /http or https$/],
    ['a URL of the account that is none', { storageUrl: '/v1/AUTH_x' }, /'storageUrl' must be a URL/],
    ['no time', { idleTimeout: 0 }, /'idleTimeout' must be more than 0/],
    ['too much time', { totalTimeout: 3_000_000 }, /'totalTimeout' must be more than 0 and at most 2,000,000 seconds/],
  ];
  for (const [what, options, message] of wrong) {
    it(`are rejected before anything is sent: ${what}`, () => {
      assert.throws(
        () => createSwiftStore({ container: 'bucket', auth, ...options }),
        (error) => {
          assert.ok(error instanceof InvalidOptionError);
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    });
  }
});
