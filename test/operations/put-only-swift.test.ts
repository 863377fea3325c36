import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withoutDeletes } from '../../lib/store/decorators/no-deletes.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, journalTree, purgeGone, restoreTree } from '../fixtures/operations.ts';
import { readPolicies } from '../fixtures/policies.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { ownBucket, type SharedSwift, sharedSwift } from '../servers/shared.ts';
import { keysOf } from '../store/collect.ts';

let scratch: Scratch;
let swift: SharedSwift;
before(async () => {
  scratch = await createScratch();
  swift = await sharedSwift(await scratch.directory('swift'));
});
after(async () => {
  await swift.stop();
  await scratch[Symbol.asyncDispose]();
});

const commands = (await readPolicies()).swift;
/** The user of the host in the documents, who has no role here. */
const reader = { user: 'test:reader', key: 'reading' };

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Logs in, and returns how to ask for a path below the account. */
async function login({ user, key }: { readonly user: string; readonly key: string }) {
  const { headers } = await fetch(swift.v1.authUrl, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } });
  const [url, token] = ['x-storage-url', 'x-auth-token'].map((name) => headers.get(name) ?? '');
  assert.ok(url && token, 'no login');
  return async (method: string, path: string, more: Readonly<Record<string, string>> = {}): Promise<Answer> => {
    const answer = await fetch(`${url}/${path}`, { method, headers: { 'X-Auth-Token': token, ...more } });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  };
}

/** The headers that the documented command gives the container. */
const documentedHeaders = (() => {
  const optionOf = (name: string) => new RegExp(`--${name} '([^']*)'`).exec(commands)?.[1] ?? '';
  assert.equal(optionOf('header'), 'X-Versions-Enabled: true');
  return {
    'X-Versions-Enabled': 'true',
    'X-Container-Read': optionOf('read-acl'),
    'X-Container-Write': optionOf('write-acl'),
  };
})();

interface Version {
  readonly name: string;
  readonly version_id: string;
}

describe('the permissions of docs/stores.md for a host on Swift', () => {
  it('let it back up and journal, and keep the versions of all that it overwrites or deletes', async () => {
    const container = ownBucket('put-only');
    const [admin, attacker] = [await login(swift.v1), await login(reader)];
    const path = (key: string) => `${container}/${encodeURIComponent(key).replaceAll('%2F', '/')}`;
    const ofVersion = ({ name, version_id }: Version) => `${path(name)}?version-id=${version_id}`;
    assert.equal((await admin('PUT', container, documentedHeaders)).status, 201);

    const auth = (who: typeof reader) => ({ method: 'v1', authUrl: swift.v1.authUrl, ...who }) as const;
    await using owner = closing(createSwiftStore({ container, auth: auth(swift.v1) }));
    await using store = closing(createSwiftStore({ container, auth: auth(reader) }));
    const host = withoutDeletes(store);
    const tree = scratch.at('tree');
    for (const name of ['a', 'b', 'gone']) await plantMetric(tree, name);
    for (let seed = 1; seed <= 3; seed++) {
      await plantMetric(tree, 'a', metricFile(seed, { now: Math.floor(Date.now() / 1000) }));
      const marks = { file: scratch.at('marks') };
      for (const run of [
        () => backUp(host, tree),
        () => journalTree(host, tree, { marks }),
        () => purgeGone(host, tree),
      ]) {
        const { failed, stopped } = await run();
        assert.deepEqual([failed, stopped], [[], undefined]);
      }
    }
    await restoreTree(owner, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(await readTree(tree)));

    const bodies = new Map<string, Buffer>();
    for (const key of await keysOf(owner)) bodies.set(key, (await admin('GET', path(key))).body);
    assert.ok(bodies.size > 6);
    const versions = async (): Promise<readonly Version[]> =>
      JSON.parse(String((await admin('GET', `${container}?versions&format=json`)).body));
    const before = await versions();
    for (const [i, key] of [...bodies.keys()].entries()) {
      assert.equal((await attacker('GET', path(key))).status, 200, 'it can read');
      if (i % 2) await store.put(key, new Uint8Array([1]));
      assert.deepEqual(await store.delete([key]), []);
    }
    assert.deepEqual(await keysOf(owner), []);
    for (const version of before) assert.equal((await attacker('DELETE', ofVersion(version))).status, 403);
    const off = { 'X-Versions-Enabled': 'false' };
    for (const [method, headers] of [
      ['POST', off],
      ['PUT', off],
      ['POST', { 'X-Container-Write': '*' }],
      ['DELETE', {}],
    ] as const)
      assert.ok([403, 409].includes((await attacker(method, container, headers)).status), method);

    for (const [key, body] of bodies) {
      const kept = await Promise.all(
        before.filter(({ name }) => name === key).map((one) => admin('GET', ofVersion(one))),
      );
      assert.ok(
        kept.some((answer) => answer.status === 200 && answer.body.equals(body)),
        key,
      );
    }
  });

  it('do not keep what was stored before the container had versions', async () => {
    const container = ownBucket('versions');
    const [admin, attacker] = [await login(swift.v1), await login(reader)];
    const { 'X-Versions-Enabled': _, ...acls } = documentedHeaders;
    assert.equal((await admin('PUT', container, acls)).status, 201);
    assert.equal((await attacker('PUT', `${container}/a`)).status, 201);
    assert.equal((await admin('POST', container, documentedHeaders)).status, 204);
    assert.equal((await attacker('DELETE', `${container}/a?version-id=null`)).status, 204);
    assert.equal(String((await admin('GET', `${container}?versions&format=json`)).body), '[]');
  });
});

function closing(store: ObjectStore): ObjectStore & AsyncDisposable {
  return { ...delegate(store, {}), [Symbol.asyncDispose]: () => store.close() };
}
