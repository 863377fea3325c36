import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { createScratch } from './fixtures/scratch.ts';
import { plantTree } from './fixtures/tree.ts';
import { type Ended, start } from './scripts/cli/program.ts';
import { freePort } from './servers/free-port.ts';
import { startKeystone } from './servers/keystone.ts';
import { type HttpProxy, startProxy } from './servers/proxy.ts';
import { ownBucket, sharedRadosgw } from './servers/shared.ts';
import { startSwift } from './servers/swift.ts';

const scratch = await createScratch();
const port = await freePort();
const swiftProxy = await startProxy(`http://127.0.0.1:${port}`);
const [radosgw, keystone] = await Promise.all([
  sharedRadosgw(),
  startKeystone(await scratch.directory('keystone'), { objectStore: `${swiftProxy.url}/v1/AUTH_$(project_id)s` }),
]);
const swift = await startSwift(await scratch.directory('swift'), { port, keystone: keystone.url });
const radosgwProxy = await startProxy(radosgw.s3.endpoint);
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['servers/web1/cpu.wsp', 'servers/web1/load.wsp']);
after(async () => {
  await Promise.all([radosgwProxy.stop(), swiftProxy.stop(), swift.stop(), keystone.stop(), radosgw.stop()]);
  await scratch[Symbol.asyncDispose]();
});

const { accessKeyId, secretAccessKey } = radosgw.s3;
const credentials = scratch.at('credentials');
await writeFile(
  credentials,
  `[site]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  { mode: 0o600 },
);
const clouds = scratch.at('clouds.yaml');
const { id, secret } = keystone.applicationCredential;
await writeFile(
  clouds,
  `clouds:
  here:
    auth_type: v3applicationcredential
    region_name: RegionOne
    auth:
      auth_url: ${keystone.url}
      application_credential_id: ${id}
      application_credential_secret: ${secret}
`,
  { mode: 0o600 },
);

const CREDENTIALS = 'WHISPER_BACKUP_CREDENTIALS';
const WRONG = 'wrong-secret-of-nobody';
const s3 = ['s3', 'region=us-east-1', `endpoint=${radosgwProxy.url}`];
const v1 = { ST_AUTH: `${radosgwProxy.url}/auth/v1.0`, ST_USER: radosgw.swift.user };
const v3 = {
  OS_AUTH_URL: keystone.url,
  OS_USERNAME: keystone.user,
  OS_PROJECT_NAME: keystone.project,
  OS_REGION_NAME: 'RegionOne',
};

interface Way {
  readonly name: string;
  readonly proxy: HttpProxy;
  readonly storage: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The same with a wrong secret. */
  readonly wrong: Readonly<Record<string, string>>;
  readonly secret: string;
}

const ways: readonly Way[] = [
  {
    name: 'S3 with variables',
    proxy: radosgwProxy,
    storage: s3,
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    wrong: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: WRONG, AWS_SESSION_TOKEN: `${WRONG}-token` },
    secret: secretAccessKey,
  },
  {
    name: 'S3 with a profile',
    proxy: radosgwProxy,
    storage: [...s3, 'profile=site'],
    env: { AWS_SHARED_CREDENTIALS_FILE: credentials },
    wrong: { AWS_SHARED_CREDENTIALS_FILE: await wrongCopy(credentials, secretAccessKey) },
    secret: secretAccessKey,
  },
  {
    name: 'Swift with ST_*',
    proxy: radosgwProxy,
    storage: ['swift'],
    env: { ...v1, ST_KEY: radosgw.swift.key },
    wrong: { ...v1, ST_KEY: WRONG },
    secret: radosgw.swift.key,
  },
  {
    name: 'Swift with OS_*',
    proxy: swiftProxy,
    storage: ['swift'],
    env: { ...v3, OS_PASSWORD: keystone.password },
    wrong: { ...v3, OS_PASSWORD: WRONG },
    secret: keystone.password,
  },
  {
    name: 'Swift with clouds.yaml',
    proxy: swiftProxy,
    storage: ['swift'],
    env: { OS_CLOUD: 'here', OS_CLIENT_CONFIG_FILE: clouds },
    wrong: { OS_CLOUD: 'here', OS_CLIENT_CONFIG_FILE: await wrongCopy(clouds, secret) },
    secret,
  },
  {
    name: 'S3 with a file of credentials',
    proxy: radosgwProxy,
    storage: s3,
    ...(await inFiles(
      { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: WRONG, AWS_SESSION_TOKEN: `${WRONG}-token` },
    )),
    secret: secretAccessKey,
  },
  {
    name: 'Swift with a file of ST_*',
    proxy: radosgwProxy,
    storage: ['swift'],
    ...(await inFiles({ ...v1, ST_KEY: radosgw.swift.key }, { ...v1, ST_KEY: WRONG })),
    secret: radosgw.swift.key,
  },
  {
    name: 'Swift with a file of OS_*',
    proxy: swiftProxy,
    storage: ['swift'],
    ...(await inFiles({ ...v3, OS_PASSWORD: keystone.password }, { ...v3, OS_PASSWORD: WRONG })),
    secret: keystone.password,
  },
];

for (const way of ways) {
  describe(`Secrets of ${way.name}`, () => {
    const bucket = ownBucket(`secrets-${ways.indexOf(way)}`);
    const logfile = scratch.at(`${bucket}.log`);
    const shown: string[] = [];

    /** Runs a command and keeps all that anybody could see of it. */
    async function program(action: string, env: Way['env'], more: readonly string[] = []): Promise<Ended> {
      const files = ['--lockfile', scratch.at('lock'), '--stampfile', scratch.at('stamp'), '--logfile', logfile];
      const options = ['--debug', '-b', bucket, '-p', prefix, ...files, ...more];
      const started = start([action, ...way.storage, ...options], { env });
      let looks = 0;
      way.proxy.treat = async (_seen, _answer, forward) => {
        const lines = await processTexts(started.pid, way.env[CREDENTIALS] !== undefined);
        if (lines.length > 0) looks++;
        shown.push(...lines);
        await forward();
      };
      const ended = await started.ended;
      if (ended.code === 0 && action !== 'config') assert.ok(looks > 0, `${action} was looked at while it ran`);
      shown.push(ended.stdout, ended.stderr);
      return ended;
    }

    it('are in no output, no log file and no command line', async () => {
      const before = way.proxy.seen.length;
      for (const action of ['backup', 'list', 'restore', 'purge', 'config']) {
        const ended = await program(action, way.env);
        assert.equal(ended.code, 0, ended.stderr);
      }
      const refused = await program('backup', way.wrong);
      assert.equal(refused.code, 12, refused.stderr);
      const missing = await program('list', way.env, ['-b', 'not-there']);
      assert.equal(missing.code, 10, missing.stderr);

      const log = await readFile(logfile, 'utf8');
      assert.match(log, /servers\.web1\.cpu/);
      const all = [...shown, log].join('\n');
      const used = [way.secret, WRONG, ...sentSecrets(way.proxy, before)];
      assert.ok(used.length > 2, 'a token or a signature was seen on its way');
      for (const one of used) {
        for (const spelled of [one, encodeURIComponent(one), Buffer.from(one).toString('base64').replace(/=+$/, '')]) {
          const at = all.indexOf(spelled);
          assert.equal(at, -1, `shown: …${all.slice(Math.max(0, at - 200), at + 200)}…`);
        }
      }
    });
  });
}

describe('a secret in the wrong place', () => {
  const wrong: readonly (readonly string[])[] = [
    ['list', 's3', `secret-access-key=${WRONG}`],
    ['list', 's3', `endpoint=http://user:${WRONG}@127.0.0.1:1`],
    ['list', 'swift', `key=${WRONG}`],
    ['config', 's3', `endpoint=http://user:${WRONG}@127.0.0.1:1`, `secret-access-key=${WRONG}`],
  ];
  for (const args of wrong) {
    it(`is not repeated: ${args.join(' ').replaceAll(WRONG, '…')}`, async () => {
      const ended = await start([...args, '--debug', '--nolog', '--nolock', '--nostamp'], {}).ended;
      assert.equal(ended.code, args[0] === 'config' ? 0 : 2, ended.stderr);
      assert.ok(!`${ended.stdout}${ended.stderr}`.includes(WRONG), `${ended.stdout}${ended.stderr}`);
    });
  }
});

/** Tokens and signatures that went over the wire. */
function sentSecrets({ seen }: HttpProxy, from: number): string[] {
  return seen.slice(from).flatMap(({ headers }) => {
    const signature = /Signature=([0-9a-f]{64})/.exec(headers.authorization ?? '')?.[1];
    return [headers['x-auth-token'], headers['x-auth-key'], headers['x-amz-security-token'], signature].flatMap(
      (value) => (typeof value === 'string' ? [value] : []),
    );
  });
}

/** The command lines of a process and its descendants, optionally with their environments; empty if it has ended. */
async function processTexts(pid: number, environments: boolean): Promise<string[]> {
  try {
    const own = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    const variables = environments ? await readFile(`/proc/${pid}/environ`, 'utf8') : '';
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    const below = await Promise.all(
      children
        .split(' ')
        .filter(Boolean)
        .map((child) => processTexts(Number(child), environments)),
    );
    return [own.replaceAll('\0', ' '), variables.replaceAll('\0', '\n'), ...below.flat()];
  } catch {
    return [];
  }
}

/** The same variables in files, one with the right secret and one with a wrong one. */
async function inFiles(right: Way['env'], wrong: Way['env']): Promise<Pick<Way, 'env' | 'wrong'>> {
  const write = async (variables: Way['env']) => {
    const file = scratch.at(`credentials-${randomUUID()}`);
    const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
    await writeFile(file, lines.join(''), { mode: 0o600 });
    return { [CREDENTIALS]: file };
  };
  return { env: await write(right), wrong: await write(wrong) };
}

async function wrongCopy(file: string, secret: string): Promise<string> {
  const copy = `${file}.wrong.yaml`;
  await writeFile(copy, (await readFile(file, 'utf8')).replace(secret, WRONG), { mode: 0o600 });
  return copy;
}
