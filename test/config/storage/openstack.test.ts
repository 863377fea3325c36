import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../config/errors.ts';
import { swiftAccess } from '../../../config/storage/openstack.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';

type Environment = Readonly<Record<string, string>>;

const st = { ST_AUTH: 'https://swift/auth/v1.0', ST_USER: 'test:tester', ST_KEY: 'hunter2' };
const os = {
  OS_AUTH_URL: 'https://keystone/v3',
  OS_USERNAME: 'user',
  OS_PASSWORD: 'hunter2',
  OS_PROJECT_NAME: 'project',
};

function access(environment: Environment, version?: 'v1' | 'v3') {
  return swiftAccess(version, { environment, home: '/nonexistent', systemDirectory: '/nonexistent' });
}

const v1 = { method: 'v1', authUrl: 'https://swift/auth/v1.0', user: 'test:tester', key: 'hunter2' };
const password = {
  method: 'password',
  authUrl: 'https://keystone/v3',
  user: { name: 'user' },
  password: 'hunter2',
  project: { name: 'project' },
};

async function refused(call: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message} ${error.stack} ${error.cause}`, /hunter2/);
    return true;
  });
}

describe('the variables of OpenStack', () => {
  const understood: readonly [string, Environment, unknown][] = [
    ['auth v1', st, { auth: v1 }],
    ['auth v1 before Keystone', { ...os, ...st }, { auth: v1 }],
    ['Keystone, when the variables of auth v1 are empty', { ...os, ST_AUTH: '', ST_KEY: '' }, { auth: password }],
    ['a password', os, { auth: password }],
    [
      'domains by name',
      { ...os, OS_USER_DOMAIN_NAME: 'Users', OS_PROJECT_DOMAIN_NAME: 'Projects' },
      {
        auth: {
          ...password,
          user: { name: 'user', domain: { name: 'Users' } },
          project: { name: 'project', domain: { name: 'Projects' } },
        },
      },
    ],
    [
      'domains by id, before those by name',
      { ...os, OS_USER_DOMAIN_ID: 'u1', OS_USER_DOMAIN_NAME: 'Users', OS_PROJECT_DOMAIN_ID: 'p1' },
      {
        auth: {
          ...password,
          user: { name: 'user', domain: { id: 'u1' } },
          project: { name: 'project', domain: { id: 'p1' } },
        },
      },
    ],
    [
      'one domain for both',
      { ...os, OS_DEFAULT_DOMAIN: 'd1' },
      {
        auth: {
          ...password,
          user: { name: 'user', domain: { id: 'd1' } },
          project: { name: 'project', domain: { id: 'd1' } },
        },
      },
    ],
    [
      'ids',
      { OS_AUTH_URL: os.OS_AUTH_URL, OS_USER_ID: 'u', OS_PASSWORD: 'hunter2', OS_PROJECT_ID: 'p' },
      { auth: { ...password, user: { id: 'u' }, project: { id: 'p' } } },
    ],
    [
      'tenants, as projects were called',
      { ...os, OS_PROJECT_NAME: '', OS_TENANT_NAME: 'tenant' },
      { auth: { ...password, project: { name: 'tenant' } } },
    ],
    [
      'an application credential by id',
      {
        OS_AUTH_TYPE: 'v3applicationcredential',
        OS_AUTH_URL: os.OS_AUTH_URL,
        OS_APPLICATION_CREDENTIAL_ID: 'id',
        OS_APPLICATION_CREDENTIAL_SECRET: 'hunter2',
      },
      { auth: { method: 'application-credential', authUrl: os.OS_AUTH_URL, id: 'id', secret: 'hunter2' } },
    ],
    [
      'an application credential by name',
      {
        OS_AUTH_URL: os.OS_AUTH_URL,
        OS_USERNAME: 'user',
        OS_APPLICATION_CREDENTIAL_NAME: 'name',
        OS_APPLICATION_CREDENTIAL_SECRET: 'hunter2',
      },
      {
        auth: {
          method: 'application-credential',
          authUrl: os.OS_AUTH_URL,
          name: 'name',
          user: { name: 'user' },
          secret: 'hunter2',
        },
      },
    ],
    [
      'region, interface, certificates and the URL of the account',
      {
        ...os,
        OS_REGION_NAME: 'R1',
        OS_INTERFACE: 'internal',
        OS_CACERT: '/etc/ca.pem',
        OS_STORAGE_URL: 'https://swift/v1/AUTH_1',
      },
      {
        auth: password,
        region: 'R1',
        interface: 'internal',
        caFile: '/etc/ca.pem',
        storageUrl: 'https://swift/v1/AUTH_1',
      },
    ],
    [
      'an interface as it was once called',
      { ...os, OS_ENDPOINT_TYPE: 'adminURL' },
      { auth: password, interface: 'admin' },
    ],
  ];
  for (const [what, environment, expected] of understood) {
    it(`give ${what}`, async () => assert.deepEqual(await access(environment), expected));
  }

  it('are those of the requested version', async () => {
    assert.deepEqual((await access({ ...os, ...st }, 'v3')).auth, password);
    assert.deepEqual((await access({ ...os, ...st }, 'v1')).auth, v1);
  });

  const wrong: readonly [string, Environment, 'v1' | 'v3' | undefined, RegExp][] = [
    ['nothing', {}, undefined, /set ST_AUTH, ST_USER and ST_KEY .* OS_CLOUD, or OS_AUTH_URL/],
    ['a part of auth v1', { ST_AUTH: st.ST_AUTH }, undefined, /: ST_USER and ST_KEY must be set$/],
    ['no auth v1', os, 'v1', /: ST_AUTH and ST_USER and ST_KEY must be set$/],
    ['no Keystone', st, 'v3', /: OS_AUTH_URL and OS_PASSWORD and OS_USERNAME must be set$/],
    ['no project', { ...os, OS_PROJECT_NAME: '' }, undefined, /: OS_PROJECT_NAME must be set$/],
    [
      'no secret',
      { ...os, OS_APPLICATION_CREDENTIAL_ID: 'x' },
      undefined,
      /OS_APPLICATION_CREDENTIAL_SECRET must be set$/,
    ],
    ['Keystone v2', { ...os, OS_IDENTITY_API_VERSION: '2' }, undefined, /OS_IDENTITY_API_VERSION 2: use 3$/],
    ['another way to log in', { ...os, OS_AUTH_TYPE: 'v3token' }, undefined, /OS_AUTH_TYPE "v3token": use v3password/],
    ['an unknown interface', { ...os, OS_INTERFACE: 'private' }, undefined, /Swift's interface "private": it must be/],
  ];
  for (const [what, environment, version, message] of wrong) {
    it(`are rejected for ${what}`, () => refused(access(environment, version), message));
  }
});

const clouds = `
clouds:
  home:
    auth:
      auth_url: https://keystone/v3
      username: user
      project_name: project
      password: hunter2
    region_name: R1
    interface: internal
    identity_api_version: 3
    compute_api_version: '2'
    cacert: /etc/ca.pem
  credential:
    auth_type: v3applicationcredential
    auth: { auth_url: 'https://keystone/v3', application_credential_id: id }
  old:
    auth_type: v1password
    auth: { auth_url: 'https://swift/auth/v1.0', username: 'test:tester', password: hunter2 }
  number: { auth: { auth_url: 'https://keystone/v3', username: user, project_name: project, password: 123456 } }
  insecure: { auth: { auth_url: 'https://keystone/v3' }, verify: false }
  vendor: { profile: rackspace }
  public: { auth: { auth_url: 'https://keystone/v3', username: user, project_name: project } }
`;

async function write(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function withClouds(
  test: (scratch: Scratch, ask: (env: Environment) => ReturnType<typeof swiftAccess>) => Promise<void>,
) {
  await using scratch = await createScratch();
  await write(scratch.at('home', '.config', 'openstack', 'clouds.yaml'), clouds);
  const files = { home: scratch.at('home'), systemDirectory: scratch.at('etc') };
  await test(scratch, (environment) => swiftAccess(undefined, { environment, ...files }));
}

describe('clouds.yaml', () => {
  const place = { region: 'R1', interface: 'internal', caFile: '/etc/ca.pem' };

  it('gives the login and its URL', () =>
    withClouds(async (_, ask) => {
      assert.deepEqual(await ask({ OS_CLOUD: 'home' }), { auth: password, ...place });
      assert.deepEqual(await ask({ OS_CLOUD: 'old' }), { auth: v1 });
    }));

  it('takes precedence over the variables, which provide what it omits', () =>
    withClouds(async (_, ask) => {
      const others = { OS_USERNAME: 'other', OS_PASSWORD: 'other', OS_REGION_NAME: 'R2', OS_PROJECT_ID: 'other' };
      assert.deepEqual(await ask({ OS_CLOUD: 'home', ...others }), { auth: password, ...place });
      assert.deepEqual(await ask({ OS_CLOUD: 'credential', ...others, OS_APPLICATION_CREDENTIAL_SECRET: 'hunter2' }), {
        auth: { method: 'application-credential', authUrl: 'https://keystone/v3', id: 'id', secret: 'hunter2' },
        region: 'R2',
      });
    }));

  it('is completed by secure.yaml in the same directory', () =>
    withClouds(async (scratch, ask) => {
      await refused(
        ask({ OS_CLOUD: 'public' }),
        /^Cannot log in to Swift: 'password' of the cloud 'public' must be set$/,
      );
      const secure = 'clouds: { public: { auth: { password: hunter2 }, region_name: R3 } }';
      await write(scratch.at('home', '.config', 'openstack', 'secure.yaml'), secure);
      assert.deepEqual(await ask({ OS_CLOUD: 'public' }), { auth: password, region: 'R3' });
    }));

  it('is searched in the home directory, then in /etc, unless its path is given', () =>
    withClouds(async (scratch, ask) => {
      const other = (user: string) => clouds.replaceAll('username: user', `username: ${user}`);
      const userOf = async (environment: Environment) => {
        const { auth } = await ask(environment);
        return 'user' in auth ? auth.user : undefined;
      };
      await write(scratch.at('etc', 'clouds.yaml'), other('system'));
      const named = await write(scratch.at('named.yaml'), other('named'));
      assert.deepEqual(await userOf({ OS_CLOUD: 'home' }), { name: 'user' });
      assert.deepEqual(await userOf({ OS_CLOUD: 'home', OS_CLIENT_CONFIG_FILE: named }), { name: 'named' });
      assert.deepEqual(await userOf({ OS_CLOUD: 'home', XDG_CONFIG_HOME: scratch.at('nowhere') }), { name: 'system' });
    }));

  const wrong: readonly [string, Environment, RegExp][] = [
    ['has no such cloud', { OS_CLOUD: 'hoem' }, /has no such cloud; did you mean 'home'\?$/],
    ['has a number where text must be', { OS_CLOUD: 'number' }, /'auth.password' must be text \(quote it\)$/],
    ['switches off the check of certificates', { OS_CLOUD: 'insecure' }, /'verify' cannot be false/],
    ['names a profile', { OS_CLOUD: 'vendor' }, /'profile' is not supported/],
    [
      'is not there',
      { OS_CLOUD: 'home', OS_CLIENT_CONFIG_FILE: '/nonexistent' },
      /Cannot read \/nonexistent: no such file or directory \(ENOENT\): check OS_CLIENT_CONFIG_FILE/,
    ],
  ];
  for (const [what, environment, message] of wrong) {
    it(`is rejected if it ${what}`, () => withClouds(async (_, ask) => refused(ask(environment), message)));
  }

  it('is rejected if it does not exist', () => refused(access({ OS_CLOUD: 'home' }), /there is no clouds.yaml in /));

  const broken: readonly [string, RegExp][] = [
    ['clouds: { home: { auth: { password: hunter2 }', /it is not valid YAML$/],
    ['password: hunter2', /it has no table 'clouds'$/],
    ['', /it has no table 'clouds'$/],
  ];
  for (const [text, message] of broken) {
    it(`is rejected, and not printed, for ${JSON.stringify(text)}`, () =>
      withClouds(async (scratch, ask) => {
        const path = await write(scratch.at('broken.yaml'), text);
        await refused(ask({ OS_CLOUD: 'home', OS_CLIENT_CONFIG_FILE: path }), message);
      }));
  }

  it('is rejected if other users can write it', () =>
    withClouds(async (scratch, ask) => {
      await chmod(scratch.at('home', '.config', 'openstack', 'clouds.yaml'), 0o666);
      await refused(ask({ OS_CLOUD: 'home' }), /other users can write it/);
    }));
});
