import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { createS3Store, type S3StoreOptions } from '../../lib/store/drivers/s3/s3.ts';
import { DeniedError, PermanentError, TooLargeError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { startScript } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import type { Treat } from '../servers/proxy.ts';
import { bytes, collect, text } from './collect.ts';
import { listed, listing, refuse, withFake } from './s3/fake.ts';

const md5 = (body: string, encoding: 'hex' | 'base64' = 'hex') => createHash('md5').update(body).digest(encoding);

/** Answers with a body, of which no more than `sent` arrives. */
function give(answer: ServerResponse, body: string, headers: OutgoingHttpHeaders = {}, sent = body): void {
  answer.writeHead(200, { 'content-length': Buffer.byteLength(body), ...headers });
  answer.write(sent, () => (sent.length < body.length ? answer.socket?.end() : answer.end()));
}

async function readHello(store: ObjectStore): Promise<string> {
  return text(await store.get('a', { maxBytes: 100 }));
}

describe('a body read from S3', () => {
  const etag = `"${md5('hello')}"`;
  const wrong = `"${md5('other')}"`;
  const good: readonly [string, OutgoingHttpHeaders, Partial<S3StoreOptions>?][] = [
    ['with its MD5 as ETag', { etag }],
    ['with its MD5 in capitals and without quotes', { etag: md5('hello').toUpperCase() }],
    ['without an ETag', {}],
    ['with the ETag of a multipart upload', { etag: '"9dd4e461268c8034f5c8564e155c67a6-2"' }],
    ['encrypted by KMS', { etag: wrong, 'x-amz-server-side-encryption': 'aws:kms' }],
    ['encrypted twice by KMS', { etag: wrong, 'x-amz-server-side-encryption': 'aws:kms:dsse' }],
    ["encrypted with the customer's key", { etag: wrong, 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }],
    ['with any ETag when checksums are off', { etag: wrong }, { checksums: 'never' }],
    [
      'with its CRC32 when checksums are always on',
      { etag, 'x-amz-checksum-crc32': 'NhCmhg==' },
      { checksums: 'always' },
    ],
  ];
  for (const [name, headers, options] of good) {
    it(`is taken ${name}`, () =>
      withFake(
        (_seen, answer) => give(answer, 'hello', headers),
        async (store) => assert.equal(await readHello(store), 'hello'),
        options,
      ));
  }

  const bad: readonly [string, Treat, Partial<S3StoreOptions>?][] = [
    ['differs from its ETag', (_seen, answer) => give(answer, 'hellO', { etag })],
    [
      'differs from the ETag of an SSE-S3 object',
      (_seen, answer) => give(answer, 'hellO', { etag, 'x-amz-server-side-encryption': 'AES256' }),
    ],
    ['is cut', (_seen, answer) => give(answer, 'hello', { etag }, 'hel')],
    ['is cut, without an ETag', (_seen, answer) => give(answer, 'hello', {}, 'hel')],
    ['is cut before it begins', (_seen, answer) => give(answer, 'hello', {}, '')],
    [
      'differs from its CRC32',
      (_seen, answer) => give(answer, 'hellO', { 'x-amz-checksum-crc32': 'NhCmhg==' }),
      { checksums: 'always' },
    ],
    [
      'is cut in the middle of a chunk',
      (_seen, answer) => {
        answer.writeHead(200, { etag });
        answer.write('hel', () => answer.socket?.end());
      },
    ],
  ];
  for (const [name, treat, options] of bad) {
    it(`that ${name} is fetched again`, () => {
      let asked = 0;
      return withFake(
        (seen, answer, forward) => (asked++ % 2 === 0 ? treat(seen, answer, forward) : give(answer, 'hello', { etag })),
        async (store) => {
          await assert.rejects(readHello(store), TransientError);
          asked = 0;
          assert.equal(await readHello(withRetry(store, { backoff: 0.001 })), 'hello');
          assert.equal(asked, 2);
        },
        options,
      );
    });
  }

  it('is not read if its length exceeds the limit', () =>
    withFake(
      (_seen, answer) => answer.writeHead(200, { 'content-length': 1e12 }).write('x'),
      async (store) => {
        await assert.rejects(store.get('a', { maxBytes: 1e6 }), TooLargeError);
      },
    ));

  it('is aborted if it exceeds the limit', () => {
    let closed = () => {};
    const close = new Promise<void>((resolve) => {
      closed = resolve;
    });
    return withFake(
      (_seen, answer) => {
        answer.writeHead(200);
        const pour = setInterval(() => answer.write(new Uint8Array(100_000)), 1);
        answer.on('close', () => {
          clearInterval(pour);
          closed();
        });
      },
      async (store) => {
        await assert.rejects(store.get('a', { maxBytes: 1e6 }), TooLargeError);
        await close;
      },
    );
  });
});

describe('a body stored on S3', () => {
  /** The headers of a put, when the server answers with these. */
  async function putHeaders(options: Partial<S3StoreOptions>, headers: OutgoingHttpHeaders = {}) {
    let sent: OutgoingHttpHeaders = {};
    await withFake(
      (_seen, answer) => answer.writeHead(200, headers).end(),
      async (store, { seen }) => {
        await store.put('a', bytes('hello').subarray(1));
        assert.equal(seen.length, 1);
        assert.equal(Buffer.from(seen[0]?.body ?? []).toString(), 'ello');
        sent = seen[0]?.headers ?? {};
      },
      options,
    );
    return sent;
  }

  it('is sent with its MD5, not in chunks', async () => {
    const headers = await putHeaders({}, { etag: `"${md5('ello')}"` });
    assert.equal(headers['content-md5'], md5('ello', 'base64'));
    assert.equal(headers['content-length'], '4');
    const others = Object.keys(headers).filter((name) =>
      /checksum|trailer|expect|encoding|amz-tagging|storage|encryption/.test(name),
    );
    assert.deepEqual(others, []);
  });

  it('is sent with the requested checksums', async () => {
    const always = await putHeaders({ checksums: 'always' });
    assert.equal(always['content-md5'], md5('ello', 'base64'));
    assert.match(String(always['x-amz-checksum-crc32']), /^[\w+/]{6}==$/);
    const never = await putHeaders({ checksums: 'never' }, { etag: `"${md5('x')}"` });
    assert.equal(never['content-md5'], undefined);
    assert.equal(never['x-amz-checksum-crc32'], undefined);
  });

  it('is sent with class, encryption and tags', async () => {
    const headers = await putHeaders(
      { sse: 'aws:kms', kmsKeyId: 'key-1', storageClass: 'COLD', tags: { 'the host': 'a&b=c+é', role: '' } },
      { etag: `"${md5('x')}"`, 'x-amz-server-side-encryption': 'aws:kms' },
    );
    assert.equal(headers['x-amz-server-side-encryption'], 'aws:kms');
    assert.equal(headers['x-amz-server-side-encryption-aws-kms-key-id'], 'key-1');
    assert.equal(headers['x-amz-storage-class'], 'COLD');
    assert.equal(headers['x-amz-tagging'], 'the%20host=a%26b%3Dc%2B%C3%A9&role=');
  });

  it('is sent in one request, however large it is', () =>
    withFake(
      (_seen, answer) => answer.writeHead(200).end(),
      async (store, { seen }) => {
        await store.put('a', new Uint8Array(5_000_000));
        assert.equal(seen[0]?.headers['expect'], undefined);
        assert.equal(seen[0]?.headers['content-length'], '5000000');
      },
    ));

  it('is sent once: the SDK does not retry', () =>
    withFake(
      (_seen, answer) => refuse(answer, 503, 'SlowDown'),
      async (store, { seen }) => {
        await assert.rejects(store.put('a', bytes('x')), TransientError);
        assert.equal(seen.length, 1);
      },
    ));

  it('with another ETag is stored again', () =>
    withFake(
      (_seen, answer) => answer.writeHead(200, { etag: `"${md5('x')}"` }).end(),
      async (store) => {
        await assert.rejects(store.put('a', bytes('hello')), (error) => {
          assert.ok(error instanceof TransientError);
          assert.match(error.message, /set 'checksums' to "never"$/);
          return true;
        });
      },
    ));
});

describe('a listing of S3', () => {
  /** What a store lists when its server answers with these pages. */
  async function list(pages: readonly ((answer: ServerResponse) => unknown)[]) {
    let objects: Awaited<ReturnType<typeof collect>> = [];
    let urls: URL[] = [];
    await withFake(
      (_seen, answer) => pages[urls.push(new URL(_seen.url, 'http://s3')) - 1]?.(answer),
      async (store) => {
        urls = [];
        objects = await collect(store, { prefix: 'a' });
      },
    );
    return { objects, urls };
  }
  const url = '<EncodingType>url</EncodingType>';
  const end = '<IsTruncated>false</IsTruncated>';
  const more = '<IsTruncated>true</IsTruncated>';

  it('has keys that were URL-encoded, with `+` or `%20` for a space', async () => {
    const contents = ['a+b', 'a%20b%2Bc', 'a%0A%01', 'a%F0%9F%98%80'].map((key) => listed(key)).join('');
    const { objects } = await list([(answer) => listing(answer, contents, url + end)]);
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['a b', 'a b+c', 'a\n\x01', 'a😀'],
    );
  });

  it('has unchanged keys if the store does not encode them', async () => {
    const raw = (answer: ServerResponse) => listing(answer, listed('a+%20&amp;') + listed('a%zz'));
    // Asked for one of them, it lists it.
    const { objects } = await list([raw, raw]);
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['a+%20&', 'a%zz'],
    );
  });

  it('skips keys that are not UTF-8', async () => {
    const { objects } = await list([(answer) => listing(answer, listed('a%FF') + listed('ab'), url + end)]);
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['ab'],
    );
  });

  it('is requested again if an encoded key is not UTF-8', async () => {
    await assert.rejects(list([(answer) => listing(answer, listed('a\uFFFD'), url + end)]), TransientError);
    const { objects } = await list([(answer) => listing(answer, listed('a%EF%BF%BD'), url + end)]);
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['a\uFFFD'],
    );
  });

  it('has an MD5 if the ETag may be one', async () => {
    const contents = listed('a', 'd41d8cd98f00b204e9800998ecf8427e-3') + listed('ab') + listed('ac', '');
    const { objects } = await list([(answer) => listing(answer, contents)]);
    assert.deepEqual(objects, [
      { key: 'a', size: 1, modified: new Date('2026-11-22T03:14:15Z') },
      { key: 'ab', size: 1, modified: new Date('2026-11-22T03:14:15Z'), md5: '9dd4e461268c8034f5c8564e155c67a6' },
      { key: 'ac', size: 1, modified: new Date('2026-11-22T03:14:15Z') },
    ]);
  });

  it("continues with the store's token, even after an empty page", async () => {
    const token = '<NextContinuationToken>t/+1</NextContinuationToken>';
    const { objects, urls } = await list([
      (answer) => listing(answer, listed('a1'), more + token),
      (answer) => listing(answer, '', more + token),
      (answer) => listing(answer, listed('a2')),
    ]);
    assert.equal(objects.length, 2);
    assert.deepEqual(
      urls.map(({ searchParams }) => [searchParams.get('continuation-token'), searchParams.get('prefix')]),
      [
        [null, 'a'],
        ['t/+1', 'a'],
        ['t/+1', 'a'],
      ],
    );
  });

  it('continues after the last key if the store gives no token', async () => {
    const { urls } = await list([
      (answer) => listing(answer, listed('a1') + listed('a2'), more),
      (answer) => listing(answer, listed('a3')),
    ]);
    assert.deepEqual(
      urls.map(({ searchParams }) => searchParams.get('start-after')),
      [null, 'a2'],
    );
  });

  const noListings: readonly [string, (answer: ServerResponse) => unknown][] = [
    ['the page of a proxy', (answer) => answer.writeHead(200).end('<html><body>Back soon</body></html>')],
    ['no XML', (answer) => answer.writeHead(200).end('Back soon')],
    [
      'half of one',
      (answer) => answer.writeHead(200).end('<ListBucketResult><IsTruncated>false</IsTruncated><Contents>'),
    ],
    ['empty', (answer) => answer.writeHead(200).end()],
    ['without an end and without a way to go on', (answer) => listing(answer, '', more)],
    ['of objects without size', (answer) => listing(answer, '<Contents><Key>a</Key></Contents>')],
  ];
  for (const [name, page] of noListings) {
    it(`that is ${name} is requested again, and does not count as an empty bucket`, () =>
      assert.rejects(list([page]), TransientError));
  }

  it('sends no more requests if the caller stops', () => {
    const contents = (from: number) => Array.from({ length: 3 }, (_, i) => listed(`a${from + i}`)).join('');
    let pages = 0;
    return withFake(
      (_seen, answer) =>
        listing(answer, contents(100 + 3 * pages++), `${more}<NextContinuationToken>t</NextContinuationToken>`),
      async (store) => {
        for await (const { key } of store.list()) if (key === 'a104') break;
        assert.ok(pages <= 3);
        const asked = pages;
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.equal(pages, asked);
      },
    );
  });

  it('is not read beyond the end of its range', () => {
    let pages = 0;
    return withFake(
      (_seen, answer) => {
        pages++;
        listing(answer, listed('a') + listed('c'), `${more}<NextContinuationToken>t</NextContinuationToken>`);
      },
      async (store) => {
        for await (const { key } of store.list({ endBefore: 'b' })) {
          assert.equal(key, 'a');
          // Time enough to ask for the next page.
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert.equal(pages, 1);
      },
    );
  });
});

describe('a bucket of S3', () => {
  const missing: Treat = ({ method }, answer) =>
    method === 'GET' ? refuse(answer, 404, 'NoSuchBucket') : answer.writeHead(200).end();

  it('is created in its region, which is omitted for us-east-1', async () => {
    for (const [region, constraint] of [
      ['us-east-1', ''],
      ['eu-central-1', '<LocationConstraint>eu-central-1</LocationConstraint>'],
    ] as const) {
      await withFake(
        missing,
        async (store, { seen, take }) => {
          await store.open({ create: true });
          assert.deepEqual(take(), ['GET list', 'PUT bucket']);
          const body = Buffer.from(seen[1]?.body ?? []).toString();
          assert.equal(body.includes('LocationConstraint'), constraint !== '');
          assert.ok(body.includes(constraint));
        },
        { region },
      );
    }
  });

  it('that another run created meanwhile is accepted, one of another user is not', async () => {
    const answerWith = (code: string): Treat => {
      return ({ method }, answer) =>
        method === 'GET' ? refuse(answer, 404, 'NoSuchBucket') : refuse(answer, 409, code);
    };
    await withFake(answerWith('BucketAlreadyOwnedByYou'), (store) => store.open({ create: true }));
    await withFake(answerWith('BucketAlreadyExists'), async (store) => {
      await assert.rejects(store.open({ create: true }), DeniedError);
    });
  });

  it('returns the clock of the store', () =>
    withFake(
      (_seen, answer) => {
        answer.setHeader('date', 'Sun, 22 Nov 2026 03:14:15 GMT');
        listing(answer, '');
      },
      async (store) => assert.deepEqual(await store.clock(), new Date('2026-11-22T03:14:15Z')),
    ));

  it('without a date has no clock', () =>
    withFake(
      (_seen, answer) => {
        answer.sendDate = false;
        listing(answer, '');
      },
      async (store) => assert.equal(await store.clock(), undefined),
    ));

  it('is accessible even if the clock of this host is wrong', () => {
    const ahead = 3 * 3600_000;
    const signedAt: number[] = [];
    return withFake(
      ({ headers }, answer) => {
        const [, y, m, d, hour, minute] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/.exec(String(headers['x-amz-date'])) ?? [];
        const signed = Date.parse(`${y}-${m}-${d}T${hour}:${minute}:00Z`);
        signedAt.push(signed);
        answer.setHeader('date', new Date(Date.now() + ahead).toUTCString());
        if (signed < Date.now() + ahead - 15 * 60_000) refuse(answer, 403, 'RequestTimeTooSkewed');
        else answer.writeHead(200).end();
      },
      async (store) => {
        await Promise.all(['a', 'b', 'c'].map((key) => store.put(key, bytes('x'))));
        assert.equal(signedAt.length, 6);
        await store.put('d', bytes('x'));
        await store.get('d', { maxBytes: 1 });
        assert.equal(signedAt.length, 8);
      },
    );
  });

  it('does not retry for ever because of a wrong clock', () => {
    let asked = 0;
    return withFake(
      (_seen, answer) => {
        answer.setHeader('date', new Date(Date.now() + ++asked * 3600_000).toUTCString());
        refuse(answer, 403, 'RequestTimeTooSkewed');
      },
      async (store) => {
        await assert.rejects(store.put('a', bytes('x')), TransientError);
        assert.equal(asked, 2);
      },
    );
  });
});

describe('objects deleted from S3', () => {
  const keys = ['a', 'b', 'c'];

  it('are listed in a batch with its MD5, which every store supports', () =>
    withFake(
      (_seen, answer) => answer.end('<DeleteResult/>'),
      async (store, { seen, take }) => {
        assert.deepEqual(await store.delete(keys), []);
        assert.deepEqual(take(), ['POST delete']);
        const { body = new Uint8Array(), headers = {} } = seen[0] ?? {};
        assert.equal(headers['content-md5'], createHash('md5').update(body).digest('base64'));
        assert.deepEqual(
          Object.keys(headers).filter((name) => name.includes('checksum')),
          [],
        );
        assert.match(Buffer.from(body).toString(), /<Quiet>true<\/Quiet>/);
      },
    ));

  it('are deleted one by one if the store has no batches', () =>
    withFake(
      ({ method }, answer) => (method === 'POST' ? refuse(answer, 501, 'NotImplemented') : answer.writeHead(204).end()),
      async (store, { take }) => {
        assert.deepEqual(await store.delete(keys), []);
        assert.deepEqual(take(), ['POST delete', 'DELETE object', 'DELETE object', 'DELETE object']);
        assert.deepEqual(await store.delete(keys), []);
        assert.deepEqual(take(), ['DELETE object', 'DELETE object', 'DELETE object']);
      },
    ));

  it('are distinguished from those that stay', () =>
    withFake(
      (_seen, answer) =>
        answer.end(
          '<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error><Error><Key>b</Key><Code>SlowDown</Code><Message>slow</Message></Error><Error><Key>c</Key><Code>NoSuchKey</Code></Error></DeleteResult>',
        ),
      async (store) => {
        const failures = await store.delete(keys);
        assert.deepEqual(
          failures.map(({ key, error }) => [key, error.constructor]),
          [
            ['a', DeniedError],
            ['b', TransientError],
          ],
        );
      },
    ));
});

describe('the S3 store', () => {
  const refused: readonly [Partial<S3StoreOptions>, RegExp][] = [
    [{ bucket: '' }, /^'bucket' must be the name of an S3 bucket: got ""$/],
    [{ bucket: 'a/b' }, /got "a\/b"$/],
    [{ bucket: '..' }, /got "\.\."$/],
    [{ endpoint: 's3.example.org' }, /^'endpoint' must be a URL like https:/],
    [{ endpoint: 'ftp://s3.example.org' }, /got "ftp:/],
    [{ endpoint: 'https://me:hunter2@s3.example.org' }, /must not contain a user name or a password$/],
    [{ endpoint: 'https://s3.example.org/?x' }, /must end with its host or path/],
    [{ accessKeyId: 'AKID' }, /must be given together$/],
    [{ secretAccessKey: 'hunter2' }, /must be given together$/],
    [{ sessionToken: 'hunter2' }, /^'sessionToken' needs/],
    [{ kmsKeyId: 'key' }, /^'kmsKeyId' needs/],
    [{ concurrency: 0 }, /at least 1: got 0$/],
    [{ timeouts: { idle: 0 } }, /^The timeout 'idle' must be more than 0/],
    [{ timeouts: { total: Number.POSITIVE_INFINITY } }, /got Infinity$/],
  ];
  for (const [options, message] of refused) {
    it(`rejects invalid ${Object.keys(options)}: ${message.source}`, () =>
      assert.throws(
        () => createS3Store({ bucket: 'backups', ...options }),
        (error) => {
          assert.ok(error instanceof InvalidOptionError);
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      ));
  }

  it('reports the problem with a CA bundle', async () => {
    await using scratch = await createScratch();
    const given: readonly [string, RegExp][] = [
      [scratch.at('absent.pem'), /^Cannot read the CA bundle .*absent\.pem: /],
      [new URL(import.meta.url).pathname, /contains no PEM certificate$/],
    ];
    for (const [caBundle, message] of given) {
      const store = createS3Store({ bucket: 'backups', endpoint: 'https://127.0.0.1:1', caBundle });
      await assert.rejects(store.open({ create: false }), (error) => {
        assert.ok(error instanceof InvalidOptionError, String(error));
        assert.match(error.message, message);
        return true;
      });
      await store.close();
    }
  });

  it('may be closed before it is used, and used again afterwards', () =>
    withFake(
      (_seen, answer) => listing(answer, ''),
      async (store) => {
        await store.close();
        await store.open({ create: false });
        await store.close();
        await store.close();
        await store.open({ create: false });
      },
    ));

  it('loads the SDK for more than reading and storing objects, and prints nothing', () =>
    withFake(
      (_seen, answer) => listing(answer, ''),
      async (_store, { url }) => {
        const child = startScript(new URL('s3/opened.ts', import.meta.url), [url]);
        let [output, complaint] = ['', ''];
        child.stdout.on('data', (data) => {
          output += data;
        });
        child.stderr.on('data', (data) => {
          complaint += data;
        });
        const code = await new Promise((resolve) => child.once('close', resolve));
        assert.deepEqual([complaint, output, code], ['', 'not loaded, loaded, opened\n', 0]);
      },
    ));

  it('rejects bodies that are too large for the store at once', () =>
    withFake(
      (_seen, answer) => refuse(answer, 400, 'EntityTooLarge'),
      async (store) => assert.rejects(store.put('a', bytes('x')), PermanentError),
    ));
});
