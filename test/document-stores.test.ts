import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { AS_ON_A_HOST, readDocuments, root, shellBlocksIn } from './fixtures/documents.ts';
import { createScratch } from './fixtures/scratch.ts';
import { plantTree } from './fixtures/tree.ts';
import { freePort } from './servers/free-port.ts';
import { startKeystone } from './servers/keystone.ts';
import { sharedRadosgw, sharedSwift } from './servers/shared.ts';
import { startSwift } from './servers/swift.ts';

const exec = promisify(execFile);
const scratch = await createScratch();
const port = await freePort();
const [radosgw, swift, keystone] = await Promise.all([
  sharedRadosgw(),
  sharedSwift(await scratch.directory('swift')),
  startKeystone(await scratch.directory('keystone'), {
    objectStore: `http://127.0.0.1:${port}/v1/AUTH_$(project_id)s`,
  }),
]);
const swiftOfKeystone = await startSwift(await scratch.directory('other'), { port, keystone: keystone.url });
after(async () => {
  await Promise.all([radosgw.stop(), swift.stop(), swiftOfKeystone.stop(), keystone.stop()]);
  await scratch[Symbol.asyncDispose]();
});

const texts = await readDocuments();
const tree = await scratch.directory('tree');
await plantTree(tree, ['servers/web01/cpu.wsp', 'servers/web01/load.wsp', 'servers/web02/cpu.wsp']);

/** What the documents leave to the site, or make up. */
const site: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: radosgw.s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: radosgw.s3.secretAccessKey,
  ST_AUTH: swift.v1.authUrl,
  ST_USER: swift.v1.user,
  ST_KEY: swift.v1.key,
  OS_AUTH_URL: keystone.url,
  OS_USERNAME: keystone.user,
  OS_PASSWORD: keystone.password,
  OS_PROJECT_NAME: keystone.project,
  OS_REGION_NAME: 'RegionOne',
  OS_APPLICATION_CREDENTIAL_ID: keystone.applicationCredential.id,
  OS_APPLICATION_CREDENTIAL_SECRET: keystone.applicationCredential.secret,
};

/** The commands for a storage, each with the variables that its block exports before. */
function commandsFor(storage: string) {
  const isOne = (line: string) => new RegExp(`^(\\w+=\\w+ )?(scripts/)?whisper-backup .* ${storage}( |$)`).test(line);
  return [...texts].flatMap(([name, text]) =>
    shellBlocksIn(text).flatMap((lines) =>
      lines.flatMap((line, index) => {
        if (!isOne(line)) return [];
        const exports = lines.slice(0, index).filter((one) => one.startsWith('export '));
        const exported = exports.flatMap((one) => [...one.matchAll(/ (\w+)=/g)].map(([, variable = '']) => variable));
        return [{ name, line, exported }];
      }),
    ),
  );
}

/** Runs a command on a host of its own, web01, that is configured for the tree. */
async function runAsItStands(line: string, variables: Readonly<Record<string, string>>): Promise<string> {
  const script = [AS_ON_A_HOST, 'hostname web01', line].join('\n');
  const env = { PATH: process.env['PATH'] ?? '', HOME: scratch.path, ...variables };
  const { stdout, stderr } = await exec('unshare', ['--mount', '--uts', 'sh', '-euc', script, tree], {
    cwd: root,
    env: { ...env, WHISPER_BACKUP_PREFIX: '/var/lib/graphite/whisper' },
  });
  return stdout + stderr;
}

function valuesOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      assert.ok(site[name] !== undefined, `the documents export ${name}, and no server has it`);
      return [name, site[name]];
    }),
  );
}

describe('The commands of the documents for S3', () => {
  it('work in sequence on a real radosgw', { timeout: 900_000 }, async () => {
    const commands = commandsFor('s3');
    assert.ok(commands.length >= 4, JSON.stringify(commands));
    const account = {
      ...valuesOf(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']),
      AWS_ENDPOINT_URL: radosgw.s3.endpoint,
    };
    // It makes no bucket in a region of Amazon's.
    await runAsItStands('whisper-backup -b graphite.web01 -m none backup s3 us-east-1 || test $? = 1', account);
    for (const { name, line, exported } of commands) {
      // Amazon is excluded.
      const complete = line
        .replace('region=…', 'region=us-east-1')
        .replace('endpoint=…', `endpoint=${radosgw.s3.endpoint}`);
      const output = await runAsItStands(complete, { ...valuesOf(exported), ...account });
      assert.match(output, /^(backup|restore) of s3:.* failed 0|^host +web01: ok$/m, `${name}: ${line}`);
    }
  });
});

describe('The commands of the documents for Swift', () => {
  it('work in sequence on a real Swift and Keystone, with the variables that they export', {
    timeout: 900_000,
  }, async () => {
    const commands = commandsFor('swift');
    assert.ok(commands.length >= 5, JSON.stringify(commands));
    for (const { name, line, exported } of commands) {
      const cloud = line.startsWith('OS_CLOUD=') ? { OS_CLIENT_CONFIG_FILE: await cloudsFile() } : {};
      const output = await runAsItStands(line, { ...valuesOf(exported), ...cloud });
      assert.match(output, /^backup of swift:graphite\.web01 .* failed 0/m, `${name}: ${line}`);
    }
  });
});

/** The clouds.yaml of the documents, with the values of the site, and without a certificate: it listens without TLS. */
async function cloudsFile(): Promise<string> {
  const [, text = ''] = /^```yaml\n(clouds:\n[\s\S]*?)^```$/m.exec(texts.get('docs/stores.md') ?? '') ?? [];
  const { id, secret } = keystone.applicationCredential;
  const own = text
    .replace(/(auth_url:) .*/, `$1 ${keystone.url}`)
    .replace(/(credential_id:) …/, `$1 ${id}`)
    .replace(/(credential_secret:) …/, `$1 ${secret}`)
    .replace(/^ *cacert:.*\n/m, '');
  assert.ok(own.includes(id) && own.includes(secret), text);
  const path = scratch.at('clouds.yaml');
  await writeFile(path, own, { mode: 0o600 });
  return path;
}
