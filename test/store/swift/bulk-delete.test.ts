import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSwiftStore } from '../../../lib/store/drivers/swift/swift.ts';
import { DeniedError, PermanentError, TransientError } from '../../../lib/store/errors.ts';
import type { DeleteFailure } from '../../../lib/store/store.ts';
import { type Asked, type Said, startFakeSwift } from './fake-swift.ts';

const info = (most = 10_000): Said => ({
  status: 200,
  body: JSON.stringify({ swift: {}, bulk_delete: { max_deletes_per_request: most } }),
});

interface Result {
  deleted?: number;
  notFound?: number;
  status?: string;
  errors?: readonly unknown[];
}

const result = ({ deleted = 0, notFound = 0, status = '200 OK', errors = [] }: Result): Said => ({
  status: 200,
  // Swift begins to answer with blanks, while it works.
  body: `  \r\n\r\n${JSON.stringify({
    'Number Deleted': deleted,
    'Number Not Found': notFound,
    'Response Status': status,
    'Response Body': '',
    Errors: errors,
  })}`,
});

/** Deletes from a server that answers so. */
async function deleted(
  keys: readonly string[],
  answers: { info?: Said; bulk?: (asked: Asked) => Said; single?: (asked: Asked) => Said },
): Promise<{ failures: readonly DeleteFailure[]; requests: readonly string[]; bodies: readonly string[] }> {
  await using fake = await startFakeSwift((asked) => {
    if (asked.url === '/info') return answers.info ?? info();
    if (asked.method === 'POST') return answers.bulk?.(asked) ?? result({ deleted: keys.length });
    return answers.single?.(asked) ?? { status: 204 };
  });
  const store = createSwiftStore(fake.options);
  try {
    const failures = await store.delete(keys);
    const requests = fake.requests.map(({ method, url }) => `${method} ${url}`);
    const bodies = fake.requests.filter(({ method }) => method === 'POST').map(({ body }) => String(body));
    return { failures, requests, bodies };
  } finally {
    await store.close();
  }
}

const failed = (failures: readonly DeleteFailure[]) => failures.map(({ key }) => key).sort();

describe('a bulk delete', () => {
  it('is one request, and names each object once, encoded', async () => {
    const { failures, requests, bodies } = await deleted(['a b', 'a b', 'c/d\n+é', '../e'], {
      bulk: () => result({ deleted: 2, notFound: 1 }),
    });
    assert.deepEqual(failures, []);
    assert.deepEqual(requests, ['GET /info', 'POST /v1/AUTH_test?bulk-delete=']);
    assert.deepEqual(bodies, ['bucket/a%20b\nbucket/c/d%0A%2B%C3%A9\nbucket/..%2Fe\n']);
  });

  it('is as large as the cluster allows, which is requested once', async () => {
    const { requests, bodies } = await deleted(['a', 'b', 'c', 'd', 'e'], {
      info: info(2),
      bulk: ({ body }) => result({ deleted: String(body).trim().split('\n').length }),
    });
    assert.equal(requests.filter((request) => request.includes('/info')).length, 1);
    assert.deepEqual(bodies, ['bucket/a\nbucket/b\n', 'bucket/c\nbucket/d\n', 'bucket/e\n']);
  });

  it('is not used for one object', async () => {
    assert.deepEqual((await deleted(['a'], {})).requests, ['DELETE /v1/AUTH_test/bucket/a']);
  });

  const without: readonly [string, Said][] = [
    ['the cluster has none', { status: 200, body: '{"swift": {}}' }],
    ['the cluster does not tell', { status: 404 }],
    ['the cluster tells only its users', { status: 401 }],
    ['the answer is no JSON', { status: 200, body: '<html>' }],
  ];
  for (const [when, answer] of without) {
    it(`is replaced by single deletes if ${when}`, async () => {
      const { failures, requests } = await deleted(['a', 'b'], { info: answer });
      assert.deepEqual(failures, []);
      assert.deepEqual(requests.slice(1).sort(), ['DELETE /v1/AUTH_test/bucket/a', 'DELETE /v1/AUTH_test/bucket/b']);
    });
  }

  it('waits until the cluster reports its capabilities', async () => {
    await assert.rejects(deleted(['a', 'b'], { info: { status: 503 } }), TransientError);
  });

  it('reports which objects could not be deleted, and why', async () => {
    const { failures, requests } = await deleted(['a', 'b é', 'c', 'd'], {
      bulk: () =>
        result({
          deleted: 1,
          status: '400 Bad Request',
          errors: [
            ['/bucket/b%20%C3%A9', '409 Conflict'],
            ['/bucket/c', '403 Forbidden'],
            ['/bucket/d', '412 Precondition Failed'],
          ],
        }),
    });
    assert.deepEqual(failed(failures), ['b é', 'c', 'd']);
    const errors = new Map(failures.map(({ key, error }) => [key, error]));
    assert.ok(errors.get('b é') instanceof TransientError);
    assert.ok(errors.get('c') instanceof DeniedError);
    assert.ok(errors.get('d') instanceof PermanentError);
    assert.equal(requests.length, 2);
  });

  it('accepts the response of radosgw, too', async () => {
    const { failures } = await deleted(['a', 'b'], {
      bulk: () => result({ deleted: 1, errors: [{ Name: '/bucket/b', Status: '500 Internal Error' }] }),
    });
    assert.deepEqual(failed(failures), ['b']);
    assert.ok(failures[0]?.error instanceof TransientError);
  });

  const open: readonly [string, Result][] = [
    ['the counts do not cover it', { deleted: 1 }],
    ['it stopped half way', { deleted: 1, status: '502 Bad Gateway' }],
    ['an object was named that was not asked for', { deleted: 2, errors: [['/bucket/other', '409 Conflict']] }],
    [
      'the token ended meanwhile',
      { deleted: 1, status: '401 Unauthorized', errors: [['bucket/c', '401 Unauthorized']] },
    ],
    ['it names no status', { deleted: 3, status: '' }],
  ];
  for (const [when, answer] of open) {
    it(`is followed by single deletes if ${when}`, async () => {
      const { failures, requests } = await deleted(['a', 'b', 'c'], {
        bulk: () => result(answer),
        single: ({ url }) => ({ status: url.endsWith('/b') ? 503 : 404 }),
      });
      assert.deepEqual(failed(failures), ['b']);
      assert.equal(requests.filter((request) => request.startsWith('DELETE')).length, 3);
    });
  }

  it('retries only objects with an unknown result', async () => {
    const { failures, requests } = await deleted(['a', 'b', 'c'], {
      bulk: () => result({ deleted: 1, status: '400 Bad Request', errors: [['bucket/b', '403 Forbidden']] }),
    });
    assert.deepEqual(failed(failures), ['b']);
    assert.deepEqual(requests.slice(2).sort(), ['DELETE /v1/AUTH_test/bucket/a', 'DELETE /v1/AUTH_test/bucket/c']);
  });

  it('with an invalid response may be retried', async () => {
    for (const body of ['', '<html>', '[]', '{"Number Deleted": 2}']) {
      await assert.rejects(deleted(['a', 'b'], { bulk: () => ({ status: 200, body }) }), TransientError);
    }
  });
});
