import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { createS3Store } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore, type SwiftAuth, type SwiftStoreOptions } from '../../lib/store/drivers/swift/swift.ts';
import { BucketMissingError, DeniedError, NotFoundError, PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { plantMetric } from '../fixtures/metric.ts';
import { backUp, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { type Ended, run } from '../scripts/cli/program.ts';
import { startForwardProxy } from '../servers/forward-proxy.ts';
import { freePort } from '../servers/free-port.ts';
import { startKeystone } from '../servers/keystone.ts';
import { startSwift } from '../servers/swift.ts';
import { bytes, collect, keysOf, text } from './collect.ts';
import { conformance } from './conformance.ts';

const scratch = await createScratch();
const port = await freePort();
const [keystone, swift, swiftOfKeystone] = await (async () => {
  const starting = startKeystone(await scratch.directory('keystone'), {
    objectStore: `http://127.0.0.1:${port}/v1/AUTH_$(project_id)s`,
  });
  const plain = await startSwift(await scratch.directory('swift'));
  const keystone = await starting;
  return [keystone, plain, await startSwift(await scratch.directory('other'), { port, keystone: keystone.url })];
})();
after(async () => {
  await Promise.all([swift.stop(), swiftOfKeystone.stop(), keystone.stop()]);
  await scratch[Symbol.asyncDispose]();
});

const v1: SwiftAuth = { method: 'v1', ...swift.v1 };
const password: SwiftAuth = {
  method: 'password',
  authUrl: keystone.url,
  user: { name: keystone.user },
  password: keystone.password,
  project: { name: keystone.project, domain: { name: 'Default' } },
};
const credential: SwiftAuth = {
  method: 'application-credential',
  authUrl: keystone.url,
  id: keystone.applicationCredential.id,
  secret: keystone.applicationCredential.secret,
};

let containers = 0;
function freshContainer(): string {
  return `bucket ${++containers} ü+%`;
}

/** The account of auth v1. */
const ACCOUNT = 'AUTH_test';

function conforms(name: string, options: Omit<SwiftStoreOptions, 'container'>): void {
  const [server, account] = options.auth === v1 ? [swift, ACCOUNT] : [swiftOfKeystone, `AUTH_${keystone.projectId}`];
  conformance(name, async () => {
    const container = freshContainer();
    return {
      store: createSwiftStore({ ...options, container }),
      missing: createSwiftStore({ ...options, container: freshContainer() }),
      fill: (keys) => server.addRows(account, container, keys),
      dispose: async () => {},
    };
  });
}

conforms('Swift with auth v1', { auth: v1 });
conforms('Swift with a Keystone password, deleting one by one', {
  auth: password,
  region: 'RegionOne',
  bulkDelete: false,
});
conforms('Swift with a Keystone application credential', {
  auth: credential,
  region: 'RegionOne',
  interface: 'internal',
});

conformance("S3 on Swift's s3api", async () => {
  const make = (bucket: string) =>
    createS3Store({
      bucket,
      endpoint: swift.url,
      accessKeyId: swift.v1.user,
      secretAccessKey: swift.v1.key,
    });
  const bucket = `s3api-${++containers}`;
  return {
    store: make(bucket),
    missing: make(`s3api-${++containers}`),
    fill: (keys) => swift.addRows(ACCOUNT, bucket, keys),
    dispose: async () => {},
  };
});

/** Runs a test with an open store. */
async function withStore(
  options: Omit<SwiftStoreOptions, 'container'>,
  test: (store: ObjectStore, container: string) => Promise<void>,
): Promise<void> {
  const container = freshContainer();
  const store = createSwiftStore({ ...options, container });
  try {
    await store.open({ create: true });
    await test(store, container);
  } finally {
    await store.close();
  }
}

/** A token of the plain Swift, to do what the store does not. */
async function rawToken(): Promise<{ url: string; headers: Record<string, string> }> {
  const response = await fetch(swift.v1.authUrl, {
    headers: { 'x-auth-user': swift.v1.user, 'x-auth-key': swift.v1.key },
  });
  await response.arrayBuffer();
  const url = response.headers.get('x-storage-url') ?? '';
  return { url, headers: { 'x-auth-token': response.headers.get('x-auth-token') ?? '' } };
}

describe('wrong credentials', () => {
  const wrong: readonly [string, SwiftAuth][] = [
    ['a key of auth v1', { ...v1, key: 'wrong-Secret-1' }],
    ['a user of auth v1', { ...v1, user: 'test:nobody', key: 'wrong-Secret-1' }],
    ['a Keystone password', { ...password, password: 'wrong-Secret-1' }],
    ['an application credential', { ...credential, secret: 'wrong-Secret-1' }],
  ];
  for (const [what, auth] of wrong) {
    it(`are refused: ${what}, and not printed`, async () => {
      const store = createSwiftStore({ auth, region: 'RegionOne', container: 'any' });
      for (const call of [() => store.open({ create: true }), () => store.put('a', bytes('x')), () => keysOf(store)]) {
        await assert.rejects(call, (error) => {
          assert.ok(error instanceof DeniedError);
          assert.match(error.message, /log in at http.*refused \(401/);
          assert.doesNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error)}`, /wrong-Secret-1/);
          return true;
        });
      }
      await store.close();
    });
  }

  it('are distinguished from a user without permission', async () => {
    const store = createSwiftStore({
      auth: { ...v1, user: 'test:reader', key: 'reading' },
      container: 'any',
    });
    await assert.rejects(store.open({ create: true }), (error) => {
      assert.ok(error instanceof DeniedError);
      assert.match(error.message, /does not have the permission \(403/);
      return true;
    });
    await store.close();
  });
});

describe('a token', { concurrency: true }, () => {
  it('that is refused is renewed, for many concurrent requests and for large bodies too', async () => {
    await withStore({ auth: v1 }, async (store) => {
      await store.put('before', bytes('x'));
      await swift.forgetTokens();
      const large = new Uint8Array(20_000_000).fill(5);
      await store.put('large', large);
      await swift.forgetTokens();
      const keys = Array.from({ length: 40 }, (_, i) => `many/${i}`);
      await pMap(keys, (key) => store.put(key, bytes(key)), { concurrency: 20 });
      await swift.forgetTokens();
      assert.equal((await keysOf(store, { prefix: 'many/' })).length, 40);
      await swift.forgetTokens();
      assert.deepEqual(await store.delete(keys), []);
      await swift.forgetTokens();
      assert.equal((await store.get('large', { maxBytes: large.length })).length, large.length);
    });
  });

  it('of Keystone that was revoked is renewed', async () => {
    await withStore({ auth: password, region: 'RegionOne' }, async (store) => {
      await store.put('before', bytes('x'));
      await keystone.revokeTokens();
      // Keystone revokes by the second, new tokens too.
      await sleep(1100);
      await swiftOfKeystone.forgetTokens();
      const keys = Array.from({ length: 6 }, (_, i) => `many/${i}`);
      await pMap(keys, (key) => store.put(key, bytes(key)), { concurrency: 20 });
      assert.equal((await keysOf(store, { prefix: 'many/' })).length, 6);
    });
  });

  it('is renewed before it expires', async () => {
    const short = await startSwift(await scratch.directory('short'), { tokenLife: 2 });
    try {
      const store = createSwiftStore({ auth: { method: 'v1', ...short.v1 }, container: 'short' });
      await store.open({ create: true });
      for (let i = 0; i < 5; i++) {
        await store.put(`${i}`, bytes('x'));
        await sleep(900);
      }
      assert.equal((await keysOf(store)).length, 5);
      await store.close();
    } finally {
      await short.stop();
    }
  });
});

describe('the service catalog', () => {
  const open = async (options: Partial<SwiftStoreOptions>) => {
    const store = createSwiftStore({ auth: password, container: 'any', ...options });
    try {
      await store.open({ create: true });
    } finally {
      await store.close();
    }
  };
  const refused: readonly [string, Partial<SwiftStoreOptions>, RegExp][] = [
    ['two regions and none chosen', {}, /several regions, set one of "RegionOne", "RegionTwo"/],
    ['an unknown region', { region: 'Mars' }, /no region "Mars", only "RegionOne", "RegionTwo"/],
    ['an interface that a region lacks', { region: 'RegionTwo', interface: 'admin' }, /only "RegionOne"/],
  ];
  for (const [what, options, message] of refused) {
    it(`is searched, and problems are reported: ${what}`, async () => {
      await assert.rejects(open(options), (error) => {
        assert.ok(error instanceof InvalidOptionError);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('contains the object store of a region', async () => {
    await assert.rejects(open({ region: 'RegionTwo' }), /the connection failed/);
    await open({ region: 'RegionOne', interface: 'admin' });
    await open({ interface: 'internal' });
  });

  it('is reached through a proxy, like Keystone', async () => {
    await using proxy = await startForwardProxy('user:hunter2');
    await open({ region: 'RegionOne', proxies: { http: proxy.url } });
    const [login = '', ...requests] = proxy.seen;
    assert.match(login, new RegExp(`^POST ${keystone.url.replace(/\/v3$/, '')}/v3/auth/tokens$`));
    assert.ok(requests.length > 0 && requests.every((line) => line.includes(`${swiftOfKeystone.url}/v1/`)));
  });

  it('is not needed if the URL is given', async () => {
    const storageUrl = `${swiftOfKeystone.url}/v1/AUTH_${keystone.projectId}/`;
    await open({ storageUrl });
  });
});

describe('Swift', () => {
  it('does not change keys with special characters of URLs', async () => {
    const keys = [
      '../a',
      './a',
      'a/..',
      'a/../b',
      'a/./b',
      'a//b',
      '/a',
      '//',
      'a/',
      '...',
      '%2e%2e/a',
      'a/%2E/b',
      'a\\b',
    ];
    await withStore({ auth: v1 }, async (store) => {
      for (const key of keys) await store.put(key, bytes(key));
      assert.deepEqual((await keysOf(store)).sort(), [...keys].sort());
      for (const key of keys) assert.equal(text(await store.get(key, { maxBytes: 100 })), key);
      const [first = '', ...others] = keys;
      assert.deepEqual(await store.delete([first]), []);
      assert.deepEqual((await keysOf(store)).sort(), [...others].sort());
      assert.deepEqual(await store.delete(others), []);
      assert.deepEqual(await keysOf(store), []);
      await assert.rejects(store.put('..', bytes('x')), PermanentError);
      const failures = await store.delete(['.', 'a']);
      assert.deepEqual(
        failures.map(({ key }) => key),
        ['.'],
      );
    });
  });

  it('reads a large object that another program stored in segments', async () => {
    await withStore({ auth: v1 }, async (store, container) => {
      const segments = [new Uint8Array(1_000_000).fill(1), new Uint8Array(500_000).fill(2)];
      for (const [i, segment] of segments.entries()) await store.put(`segments/${i}`, segment);
      const { url, headers } = await rawToken();
      const manifest = segments.map((segment, i) => ({
        path: `/${container}/segments/${i}`,
        etag: createHash('md5').update(segment).digest('hex'),
        size_bytes: segment.length,
      }));
      const place = `${url}/${encodeURIComponent(container)}`;
      const put = await fetch(`${place}/static?multipart-manifest=put`, {
        method: 'PUT',
        headers,
        body: JSON.stringify(manifest),
      });
      assert.equal(put.status, 201, await put.text());
      const dynamic = await fetch(`${place}/dynamic`, {
        method: 'PUT',
        headers: { ...headers, 'x-object-manifest': `${encodeURIComponent(container)}/segments/` },
      });
      assert.equal(dynamic.status, 201, await dynamic.text());
      for (const key of ['static', 'dynamic']) {
        const body = await store.get(key, { maxBytes: 1_500_000 });
        assert.ok(Buffer.concat(segments).equals(body));
      }
    });
  });

  it('restores a backup whose object was given a Content-Encoding', async () => {
    await withStore({ auth: v1 }, async (store, container) => {
      const tree = await scratch.directory('encoded');
      await plantMetric(tree, 'servers/web/cpu');
      await backUp(store, tree);
      const [key = ''] = (await keysOf(store)).filter((key) => key.endsWith('.wsp.gz'));
      const { url, headers } = await rawToken();
      const object = `${url}/${[container, ...key.split('/')].map(encodeURIComponent).join('/')}`;
      const posted = await fetch(object, { method: 'POST', headers: { ...headers, 'content-encoding': 'gzip' } });
      assert.equal(posted.status, 202, await posted.text());
      const head = await fetch(object, { method: 'HEAD', headers });
      assert.equal(head.headers.get('content-encoding'), 'gzip');
      const restored = await scratch.directory('encoded-restored');
      await restoreTree(store, restored);
      const files = await readTree(restored);
      assert.equal(files.size, 1);
      assert.deepEqual(files, await readTree(tree));
    });
  });

  it('lists the MD5 of each object', async () => {
    await withStore({ auth: v1 }, async (store) => {
      await store.put('a', bytes('body'));
      const [object] = await collect(store);
      assert.equal(object?.md5, createHash('md5').update('body').digest('hex'));
    });
  });

  it('lists the same with small and large pages', async () => {
    await withStore({ auth: v1, pageSize: 3 }, async (store) => {
      const keys = Array.from({ length: 10 }, (_, i) => `p/${i}`);
      for (const key of keys) await store.put(key, bytes('x'));
      assert.deepEqual(await keysOf(store), keys);
      assert.deepEqual(await keysOf(store, { startAfter: 'p/2', endBefore: 'p/9' }), keys.slice(3, 9));
    });
  });

  it('distinguishes a missing object from a missing container', async () => {
    const store = createSwiftStore({ auth: v1, container: 'never-created' });
    await assert.rejects(store.open({ create: false }), BucketMissingError);
    await assert.rejects(store.get('a', { maxBytes: 1 }), NotFoundError);
    assert.deepEqual(await store.delete(['a']), []);
    assert.deepEqual(await store.delete(['a', 'b']), []);
    await store.close();
  });

  it('accepts that another run creates its container', async () => {
    await withStore({ auth: v1 }, async (store) => {
      await store.open({ create: true });
      await store.open({ create: false });
    });
  });
});

describe('the program', () => {
  const secrets = [swift.v1.key, keystone.password, keystone.applicationCredential.secret];

  /** Runs a command on Swift, and looks for secrets in all it says. */
  async function program(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
    const quiet = ['--nolog', '--nostamp', '--lockfile', scratch.at('lock'), '--debug', '--no-color'];
    const ended = await run([...args, ...quiet], { env });
    for (const secret of secrets) assert.ok(!`${ended.stdout}${ended.stderr}`.includes(secret), ended.stderr);
    return ended;
  }

  const st = { ST_AUTH: swift.v1.authUrl, ST_USER: swift.v1.user, ST_KEY: swift.v1.key };

  async function clouds(): Promise<Readonly<Record<string, string>>> {
    const path = join(await scratch.directory('clouds'), 'clouds.yaml');
    const { id, secret } = keystone.applicationCredential;
    const cloud = {
      auth_type: 'v3applicationcredential',
      auth: { auth_url: keystone.url, application_credential_id: id, application_credential_secret: secret },
    };
    await writeFile(path, JSON.stringify({ clouds: { here: cloud } }), { mode: 0o600 });
    return { OS_CLOUD: 'here', OS_CLIENT_CONFIG_FILE: path };
  }

  it('backs up to it and restores from it, with ST_* and with a cloud of clouds.yaml', async () => {
    const tree = await scratch.directory('tree', 'servers', 'web');
    const prefix = scratch.at('tree');
    const metric = createWhisper([{ secondsPerPoint: 60, points: 60 }], {});
    await writeFile(join(tree, 'cpu.wsp'), metric);
    for (const [name, args, env] of [
      ['st', ['swift'], st],
      ['cloud', ['swift', 'region=RegionOne', 'interface=internal'], await clouds()],
    ] as const) {
      const common = ['-b', `host-${name}`, '-p', prefix];
      const first = await program(['backup', ...args, ...common], env);
      assert.equal(first.code, 0, first.stderr);
      const listed = await program(['list', ...args, '-b', `host-${name}`], env);
      assert.match(listed.stdout, /servers\.web\.cpu/);
      const restored = scratch.at(`restored-${name}`);
      const restore = await program(['restore', ...args, '-b', `host-${name}`, '-p', restored], env);
      assert.equal(restore.code, 0, restore.stderr);
      assert.deepEqual(await readFile(join(restored, 'servers', 'web', 'cpu.wsp')), Buffer.from(metric));
    }
  });

  const failures: readonly [string, readonly string[], Readonly<Record<string, string>>, number, RegExp][] = [
    ['wrong credentials', ['swift'], { ...st, ST_KEY: 'other' }, 12, /credentials are refused/],
    ['a missing container', ['swift', '-b', 'missing'], st, 10, /container "missing" does not exist/],
    ['no credentials', ['swift'], {}, 2, /set ST_AUTH, ST_USER and ST_KEY/],
    ['a wrong argument', ['swift', 'regoin=x'], st, 2, /no argument 'regoin'; did you mean 'region'\?/],
    ['another version', ['swift', 'auth=v2'], st, 2, /'auth' of storage 'swift' must be v1 or v3: got "v2"/],
    [
      'a CA bundle that is not there',
      ['swift', 'ca-bundle=/nonexistent'],
      st,
      2,
      /CA bundle \/nonexistent: no such file or directory \(ENOENT\)/,
    ],
    ['a CA bundle that is none', ['swift', 'ca-bundle=/etc/hostname'], st, 2, /has no PEM certificate/],
  ];
  for (const [what, args, env, code, message] of failures) {
    it(`exits with ${code} for ${what}`, async () => {
      const ended = await program(['list', ...args], env);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
    });
  }
});
