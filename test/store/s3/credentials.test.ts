import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createS3Store, type S3StoreOptions } from '../../../lib/store/drivers/s3/s3.ts';
import { DeniedError } from '../../../lib/store/errors.ts';
import { completeSpec } from '../../../lib/store/spec.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { type HttpProxy, startProxy } from '../../servers/proxy.ts';
import { bytes } from '../collect.ts';
import { listing, refuse } from './fake.ts';

const SECRET = 'hunter2secret';
const EXPIRES = '2099-01-01T00:00:00Z';
/** All that could tell the SDK of other credentials than those of a test. */
const NONE = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
  AWS_REGION: undefined,
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: undefined,
  AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
  AWS_WEB_IDENTITY_TOKEN_FILE: undefined,
  AWS_ROLE_ARN: undefined,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/nonexistent/config',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
};
type Environment = Readonly<Record<string, string | undefined>>;

function setEnvironment(environment: Environment): Environment {
  const before: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(environment)) {
    before[name] = process.env[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  return before;
}

/** Who signed, and for which region: `AKID us-east-1`. */
async function signer(server: HttpProxy, environment: Environment, options: Partial<S3StoreOptions> = {}) {
  const before = setEnvironment({ ...NONE, ...environment });
  const store = createS3Store({ bucket: 'backups', endpoint: server.url, ...options });
  try {
    await store.open({ create: false });
  } finally {
    setEnvironment(before);
    await store.close();
  }
  const { authorization = '' } = server.seen.at(-1)?.headers ?? {};
  const [, key, region] = /Credential=([^/]+)\/\d+\/([^/]+)\/s3\//.exec(authorization) ?? [];
  return `${key} ${region}`;
}

/** Runs a test with a server that is S3, STS, and the metadata service of an instance or container. */
async function withServer(test: (server: HttpProxy, scratch: Scratch) => Promise<void>): Promise<void> {
  await using scratch = await createScratch();
  const server = await startProxy();
  const keys = (id: string) =>
    JSON.stringify({
      AccessKeyId: id,
      SecretAccessKey: SECRET,
      Token: 'hunter2token',
      Expiration: EXPIRES,
      Code: 'Success',
    });
  server.treat = ({ url, body }, answer) => {
    const text = Buffer.from(body).toString();
    if (url.includes('list-type')) return listing(answer, '');
    if (url === '/container') return answer.end(keys('CONTAINER'));
    if (url.endsWith('/api/token')) return answer.setHeader('x-aws-ec2-metadata-token-ttl-seconds', '99').end('token');
    if (url.endsWith('/security-credentials/')) return answer.end('role');
    if (url.endsWith('/security-credentials/role')) return answer.end(keys('INSTANCE'));
    if (text.includes('AssumeRoleWithWebIdentity') && text.includes('WebIdentityToken=jwt')) {
      return answer.end(
        `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEBIDENTITY</AccessKeyId><SecretAccessKey>${SECRET}</SecretAccessKey><SessionToken>hunter2token</SessionToken><Expiration>${EXPIRES}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
      );
    }
    return answer.writeHead(404).end();
  };
  try {
    await test(server, scratch);
  } finally {
    await server.stop();
  }
}

describe('the region of S3', () => {
  /** The region that is found for all threads. */
  async function found(environment: Environment, options: Partial<S3StoreOptions>) {
    const before = setEnvironment({ ...NONE, ...environment });
    try {
      const { place } = await completeSpec({
        place: { kind: 's3', options: { bucket: 'b', ...options } },
        concurrency: 1,
      });
      return place.kind === 's3' ? place.options.region : assert.fail();
    } finally {
      setEnvironment(before);
    }
  }
  const keys = { accessKeyId: 'GIVEN', secretAccessKey: SECRET };

  it('is found once for all threads if only that is missing, and is the one that the SDK signs for', () =>
    withServer(async (server, scratch) => {
      await writeFile(scratch.at('config'), '[default]\nregion=eu-north-1\n[profile site]\nregion=eu-south-1\n');
      const file = { AWS_CONFIG_FILE: scratch.at('config') };
      const regions: string[] = [];
      for (const environment of [{}, { AWS_REGION: 'eu-west-1' }, file, { ...file, AWS_PROFILE: 'site' }]) {
        const region = await found(environment, { ...keys, endpoint: server.url });
        regions.push(`${region}`);
        assert.equal(await signer(server, environment, keys), `GIVEN ${region}`);
      }
      assert.deepEqual(regions, ['us-east-1', 'eu-west-1', 'eu-north-1', 'eu-south-1']);
    }));

  it('stays as it is if it is given, or if threads need the SDK for more', async () => {
    const endpoint = 'https://s3.example.org';
    const environment = { AWS_REGION: 'eu-west-1' };
    assert.equal(await found(environment, { ...keys, endpoint, region: 'typed' }), 'typed');
    for (const options of [{ endpoint }, keys, { ...keys, endpoint, pathStyle: false }]) {
      assert.equal(await found(environment, options), undefined);
    }
  });

  it('is left out if the options cannot be used, which opening the store reports', async () => {
    const options = { ...keys, endpoint: 'https://s3.example.org', caBundle: '/nonexistent' };
    assert.equal(await found({}, options), undefined);
  });
});

describe('the credentials of S3', () => {
  it('are the given ones, with the highest precedence', () =>
    withServer(async (server) => {
      const environment = { AWS_ACCESS_KEY_ID: 'ENVIRONMENT', AWS_SECRET_ACCESS_KEY: SECRET };
      const given = { accessKeyId: 'GIVEN', secretAccessKey: SECRET, region: 'eu-central-1' };
      assert.equal(await signer(server, environment, given), 'GIVEN eu-central-1');
    }));

  it('come from the environment, with the region', () =>
    withServer(async (server) => {
      const environment = { AWS_ACCESS_KEY_ID: 'ENVIRONMENT', AWS_SECRET_ACCESS_KEY: SECRET };
      assert.equal(await signer(server, environment), 'ENVIRONMENT us-east-1');
      assert.equal(await signer(server, { ...environment, AWS_REGION: 'eu-west-1' }), 'ENVIRONMENT eu-west-1');
    }));

  it('come from a profile of the shared files, with its region', () =>
    withServer(async (server, scratch) => {
      await writeFile(
        scratch.at('credentials'),
        `[default]\naws_access_key_id=DEFAULT\naws_secret_access_key=${SECRET}\n[site]\naws_access_key_id=SITE\naws_secret_access_key=${SECRET}\n`,
      );
      await writeFile(scratch.at('config'), '[default]\nregion=eu-north-1\n[profile site]\nregion=eu-south-1\n');
      const files = { AWS_SHARED_CREDENTIALS_FILE: scratch.at('credentials'), AWS_CONFIG_FILE: scratch.at('config') };
      assert.equal(await signer(server, files), 'DEFAULT eu-north-1');
      assert.equal(await signer(server, files, { profile: 'site' }), 'SITE eu-south-1');
      assert.equal(await signer(server, files, { profile: 'site', region: 'eu-west-3' }), 'SITE eu-west-3');
    }));

  it('come from a web identity', () =>
    withServer(async (server, scratch) => {
      await writeFile(scratch.at('token'), 'jwt');
      const environment = {
        AWS_WEB_IDENTITY_TOKEN_FILE: scratch.at('token'),
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/backup',
        AWS_ENDPOINT_URL_STS: server.url,
      };
      assert.equal(await signer(server, environment), 'WEBIDENTITY us-east-1');
    }));

  it('come from a container', () =>
    withServer(async (server) => {
      const environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.url}/container` };
      assert.equal(await signer(server, environment), 'CONTAINER us-east-1');
    }));

  it('come from the instance', () =>
    withServer(async (server) => {
      const environment = { AWS_EC2_METADATA_DISABLED: undefined, AWS_EC2_METADATA_SERVICE_ENDPOINT: server.url };
      assert.equal(await signer(server, environment), 'INSTANCE us-east-1');
    }));

  it('are an error if there are none', () =>
    withServer(async (server) => {
      for (const options of [{}, { profile: 'nosuch' }]) {
        await assert.rejects(signer(server, {}, options), (error) => {
          assert.ok(error instanceof DeniedError, String(error));
          assert.match(error.message, /^Cannot open s3:backups: no credentials found in the environment/);
          return true;
        });
      }
    }));

  it('do not print the output of a failed credential process', () =>
    withServer(async (server, scratch) => {
      await writeFile(scratch.at('config'), '[default]\ncredential_process=sh -c "echo hunter2output >&2; exit 1"\n');
      await assert.rejects(signer(server, { AWS_CONFIG_FILE: scratch.at('config') }), (error) => {
        assert.ok(error instanceof DeniedError, String(error));
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
    }));
});

/** A store whose keys come from a container, with a server that takes those of one name alone. */
async function withExpiring(
  names: readonly string[],
  code: string,
  test: (store: ObjectStore, server: HttpProxy, isTaken: (name: string) => void) => Promise<void>,
): Promise<void> {
  const server = await startProxy();
  let handedOut = 0;
  let taken = names[0];
  server.treat = ({ url, headers, method }, answer) => {
    if (url === '/container') {
      const id = names[Math.min(handedOut++, names.length - 1)];
      return answer.end(JSON.stringify({ AccessKeyId: id, SecretAccessKey: SECRET, Token: id, Expiration: EXPIRES }));
    }
    if (!headers.authorization?.includes(`Credential=${taken}/`)) return refuse(answer, 400, code);
    if (url.includes('list-type')) return listing(answer, '');
    return answer.end(method === 'GET' ? 'x' : '');
  };
  const before = setEnvironment({ ...NONE, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.url}/container` });
  const store = createS3Store({ bucket: 'backups', endpoint: server.url });
  try {
    await store.open({ create: false });
    await store.put('a', bytes('x'));
    await test(store, server, (name) => {
      taken = name;
    });
  } finally {
    setEnvironment(before);
    await store.close();
    await server.stop();
  }
}

const asked = (server: HttpProxy) => server.seen.filter(({ url }) => url === '/container').length;

describe('the credentials of S3 that have expired', () => {
  for (const code of ['ExpiredToken', 'InvalidAccessKeyId', 'InvalidToken']) {
    it(`are renewed once for all requests refused with ${code}`, () =>
      withExpiring(['FIRST', 'SECOND'], code, async (store, server, isTaken) => {
        isTaken('SECOND');
        const puts = Array.from({ length: 20 }, (_, i) => store.put(`${i}`, bytes('x')));
        await Promise.all([...puts, store.get('a', { maxBytes: 1 }), store.clock()]);
        assert.equal(asked(server), 2);
      }));
  }

  it('are renewed for a request of the SDK, too', () =>
    withExpiring(['FIRST', 'SECOND'], 'ExpiredToken', async (store, server, isTaken) => {
      isTaken('SECOND');
      await store.clock();
      await store.put('a', bytes('x'));
      assert.equal(asked(server), 2);
    }));

  it('count as refused if there are no others, without repeated renewal', () =>
    withExpiring(['FIRST'], 'ExpiredToken', async (store, server, isTaken) => {
      isTaken('SECOND');
      for (let i = 0; i < 3; i++) {
        for (const call of [store.put('a', bytes('x')), store.get('a', { maxBytes: 1 }), store.clock()]) {
          await assert.rejects(call, DeniedError);
        }
      }
      assert.equal(asked(server), 2);
    }));

  it('are read again from the shared file', () =>
    withServer(async (server, scratch) => {
      const { treat } = server;
      let taken = 'OLD';
      server.treat = (seen, answer, forward) =>
        seen.headers.authorization?.includes(`Credential=${taken}/`)
          ? treat(seen, answer, forward)
          : refuse(answer, 403, 'InvalidAccessKeyId');
      const file = scratch.at('credentials');
      const write = (id: string) =>
        writeFile(file, `[default]\naws_access_key_id=${id}\naws_secret_access_key=${SECRET}\n`);
      await write('OLD');
      const before = setEnvironment({ ...NONE, AWS_SHARED_CREDENTIALS_FILE: file });
      const store = createS3Store({ bucket: 'backups', endpoint: server.url });
      try {
        await store.open({ create: false });
        taken = 'NEW';
        await write('NEW');
        await store.open({ create: false });
      } finally {
        setEnvironment(before);
        await store.close();
      }
    }));

  it('are sent once if they are options, since there can be no others', () =>
    withServer(async (server) => {
      server.treat = (_seen, answer) => refuse(answer, 400, 'ExpiredToken');
      const given = { accessKeyId: 'GIVEN', secretAccessKey: SECRET, region: 'us-east-1' };
      const store = createS3Store({ bucket: 'backups', endpoint: server.url, ...given });
      await assert.rejects(store.put('a', bytes('x')), DeniedError);
      await assert.rejects(store.clock(), DeniedError);
      await store.close();
      assert.equal(server.seen.length, 2);
    }));
});
