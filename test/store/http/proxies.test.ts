import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { type Proxies, proxyFinder } from '../../../lib/store/drivers/http/proxies.ts';
import { createS3Store, type S3StoreOptions } from '../../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../../lib/store/drivers/swift/swift.ts';
import { PermanentError, TransientError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { startForwardProxy } from '../../servers/forward-proxy.ts';
import { freePort } from '../../servers/free-port.ts';
import { bytes, text } from '../collect.ts';
import { listing, withFake } from '../s3/fake.ts';
import { startFakeSwift } from '../swift/fake-swift.ts';

describe('NO_PROXY', () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ['', [], ['s3.example.org:443', '127.0.0.1:443']],
    ['*', ['s3.example.org:443', '[::1]:443'], []],
    ['example.org', ['example.org:443', 's3.example.org:443', 'S3.EXAMPLE.ORG:1'], ['badexample.org:443']],
    ['.example.org', ['example.org:443', 'a.b.example.org:443'], ['example.com:443']],
    ['*.Example.org', ['s3.example.org:443'], ['example.com:443']],
    ['a.org, b.org\tc.org', ['a.org:1', 'b.org:1', 'c.org:1'], ['d.org:1']],
    ['example.org:8080', ['example.org:8080', 's3.example.org:8080'], ['example.org:443']],
    [
      '10.0.0.0/8,192.168.1.7',
      ['10.200.3.4:443', '192.168.1.7:1'],
      ['11.0.0.1:443', '192.168.1.8:1', '10.example.org:1'],
    ],
    ['fd00::/8,[::1]', ['[fd00::7]:443', '[::1]:443'], ['[fe80::1]:443', '10.0.0.1:443']],
    ['10.0.0.0/99,/,:', [], ['10.0.0.1:443', 'example.org:443']],
  ];
  for (const [bypass, direct, proxied] of cases) {
    it(`${JSON.stringify(bypass)} names the hosts that are reached directly`, () => {
      const find = proxyFinder({ https: 'http://proxy:3128', bypass });
      const proxyOf = (authority: string) => {
        const { hostname, port } = new URL(`ssh://${authority}`);
        return find(true, hostname.replace(/^\[|\]$/g, ''), Number(port));
      };
      for (const authority of direct) assert.equal(proxyOf(authority), undefined, authority);
      for (const authority of proxied) assert.equal(proxyOf(authority)?.name, 'proxy:3128', authority);
    });
  }

  it('is for both kinds of proxies, which are not mixed up', () => {
    const find = proxyFinder({ http: 'plain:1', https: 'http://us%40er:p%w@tls', bypass: 'direct' });
    assert.equal(find(false, 'a', 80)?.name, 'plain:1');
    assert.equal(find(true, 'a', 443)?.name, 'tls:80');
    assert.equal(find(true, 'a', 443)?.authorization, `Basic ${Buffer.from('us@er:p%w').toString('base64')}`);
    assert.equal(find(false, 'direct', 80), undefined);
    assert.equal(proxyFinder({ https: 'tls:1' })(false, 'a', 80), undefined);
  });
});

/** Runs a test with the certificate and the port of a server with TLS that is S3 and Swift. */
async function withTls(test: (port: number, bundle: string) => Promise<void>): Promise<void> {
  await using scratch = await createScratch();
  const [key, cert] = [scratch.at('key.pem'), scratch.at('cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const making = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
  execFileSync('openssl', [...making, ...names], { stdio: 'ignore' });
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (asked, answer) => {
    const { port } = server.address() as AddressInfo;
    asked.resume();
    asked.on('end', () => {
      const { url = '' } = asked;
      if (url.includes('list-type')) return listing(answer, '');
      if (url.startsWith('/auth')) {
        answer.writeHead(200, { 'x-auth-token': 't', 'x-storage-url': `https://localhost:${port}/v1/AUTH_test` });
      }
      return answer.end(asked.method === 'GET' ? 'body' : '');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await test((server.address() as AddressInfo).port, cert);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function storesOf(port: number, bundle: string, proxies: Proxies): Promise<readonly ObjectStore[]> {
  const keys = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret', region: 'us-east-1' };
  const s3: S3StoreOptions = { bucket: 'b', endpoint: `https://localhost:${port}`, ...keys, caBundle: bundle, proxies };
  const auth = { method: 'v1', authUrl: `https://localhost:${port}/auth`, user: 'u', key: 'k' } as const;
  const caBundle = await readFile(bundle, 'utf8');
  return [createS3Store(s3), createSwiftStore({ container: 'b', auth, caBundle, proxies })];
}

async function failureOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => assert.fail('it did not fail'),
    (error) => error,
  );
}

describe('a proxy', () => {
  for (const login of [undefined, 'user:hunter2']) {
    it(`tunnels TLS to S3 and Swift${login ? ', with a password' : ''}, by few connections for many requests`, () =>
      withTls(async (port, bundle) => {
        await using proxy = await startForwardProxy(login);
        for (const store of await storesOf(port, bundle, { https: proxy.url })) {
          for (let i = 0; i < 5; i++) {
            await store.put(`${i}`, bytes('body'));
            assert.equal(text(await store.get(`${i}`, { maxBytes: 4 })), 'body');
          }
          await store.clock();
          await store.close();
        }
        assert.ok(proxy.seen.length <= 4, `${proxy.seen}`);
        assert.deepEqual([...new Set(proxy.seen)], [`CONNECT localhost:${port}`]);
      }));
  }

  it('forwards requests without TLS, to S3 with those of the SDK', async () => {
    await using proxy = await startForwardProxy('user:hunter2');
    await withFake(
      ({ url, method }, answer) =>
        url.includes('list-type') ? listing(answer, '') : answer.end(method === 'GET' ? 'body' : ''),
      async (store, server) => {
        await store.open({ create: false });
        await store.put('a/../b', bytes('body'));
        assert.equal(text(await store.get('a/../b', { maxBytes: 4 })), 'body');
        assert.deepEqual(
          proxy.seen.map((line) => line.replace(/\?.*/, '')),
          [`GET ${server.url}/backups/`, `PUT ${server.url}/backups/a/../b`, `GET ${server.url}/backups/a/../b`],
        );
        assert.equal(server.seen[0]?.headers['proxy-authorization'], undefined);
      },
      { proxies: { http: proxy.url } },
    );
  });

  it('forwards requests without TLS, to Swift with those of the login', async () => {
    await using proxy = await startForwardProxy();
    await using fake = await startFakeSwift(() => ({ status: 201 }));
    const store = createSwiftStore({ ...fake.options, proxies: { http: proxy.url } });
    await store.put('a', bytes('x'));
    assert.deepEqual(proxy.seen, [`GET ${fake.url}/auth/v1.0`, `PUT ${fake.url}/v1/AUTH_test/bucket/a`]);
    await store.close();
  });

  it('is left out for the hosts of NO_PROXY', () =>
    withTls(async (port, bundle) => {
      const proxies = { https: `http://127.0.0.1:${await freePort()}`, bypass: 'localhost' };
      for (const store of await storesOf(port, bundle, proxies)) {
        await store.put('a', bytes('body'));
        await store.clock();
        await store.close();
      }
    }));

  it('that refuses is reported with its reason, and without its password', () =>
    withTls(async (port, bundle) => {
      await using proxy = await startForwardProxy('user:right');
      const wrong = proxy.url.replace('right', 'hunter2');
      const nowhere = await freePort();
      const cases: readonly [Proxies, number, typeof PermanentError | typeof TransientError, RegExp][] = [
        [{ https: wrong }, port, PermanentError, /the proxy 127\.0\.0\.1:\d+ requires a user and a password \(407\)/],
        [
          { https: proxy.url },
          nowhere,
          TransientError,
          /refuses to connect to localhost:\d+ \(502\); check HTTPS_PROXY/,
        ],
        [
          { https: `u:hunter2@localhost:${nowhere}` },
          port,
          TransientError,
          /the proxy localhost:\d+ cannot be reached/,
        ],
      ];
      for (const [proxies, target, expected, message] of cases) {
        for (const store of await storesOf(target, bundle, proxies)) {
          for (const call of [() => store.put('a', bytes('x')), () => store.clock()]) {
            const error = await failureOf(call());
            assert.ok(error instanceof expected, inspect(error));
            assert.match(error.message, message);
            assert.match(error.message, /^Cannot (store "a" on|read the clock of|log in at) /);
            const shown = inspect(error, { depth: 20, showHidden: true, getters: true });
            assert.doesNotMatch(shown, /hunter2|right/);
            assert.ok(!shown.includes(Buffer.from('user:hunter2').toString('base64')));
          }
          await store.close();
        }
      }
    }));

  it('that asks for a password before it forwards is reported, too', async () => {
    await using proxy = await startForwardProxy('user:right');
    const proxies = { http: proxy.url.replace('right', 'hunter2') };
    await using fake = await startFakeSwift();
    await withFake(
      () => {},
      async (s3) => {
        const swift = createSwiftStore({ ...fake.options, proxies });
        for (const call of [() => s3.put('a', bytes('x')), () => s3.clock(), () => swift.clock()]) {
          const error = await failureOf(call());
          assert.ok(error instanceof PermanentError, inspect(error));
          assert.match(error.message, /the proxy requires a user and a password; set them in HTTP_PROXY/);
          assert.doesNotMatch(inspect(error), /hunter2/);
        }
        await swift.close();
      },
      { proxies },
    );
  });

  it('that cannot be reached for requests without TLS is named, not the store', async () => {
    const proxies = { http: `http://user:hunter2@127.0.0.1:${await freePort()}` };
    await using fake = await startFakeSwift();
    await withFake(
      () => {},
      async (s3) => {
        const swift = createSwiftStore({ ...fake.options, proxies });
        for (const call of [() => s3.put('a', bytes('x')), () => s3.clock(), () => swift.clock()]) {
          const error = await failureOf(call());
          assert.ok(error instanceof TransientError, inspect(error));
          assert.match(error.message, /the proxy 127\.0\.0\.1:\d+ cannot be reached \(.*\); check HTTP_PROXY/);
          assert.doesNotMatch(inspect(error), /hunter2/);
        }
        await swift.close();
      },
      { proxies },
    );
  });
});
