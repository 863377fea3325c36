import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { sh } from '../fixtures/sh.ts';
import { startSwift } from '../servers/swift.ts';

/*
 * A real Swift with a bucket of many metrics, and the tree that they are of: to measure listing, purge and unchanged
 * runs at scale. By hand:
 *
 *     node --import tsx test/scale/big-swift.ts DIRECTORY METRICS [BACKUPS]
 *
 * makes DIRECTORY/tree and a container `big<METRICS>`, unless they are there, says in shell words how to reach it by
 * both APIs, and serves until its standard input ends. A million metrics with five backups take 2 GB and some minutes.
 */

const [directory = '', metrics = '', backups = '5'] = process.argv.slice(2);
if (directory === '' || !(Number(metrics) > 0)) throw new Error('DIRECTORY and METRICS, please: see this file');

const PER_DIRECTORY = 500;
/** Links to one inode: ext4 takes 65,000. */
const LINKS = 50_000;

const file = createWhisper([{ secondsPerPoint: 60, points: 2 }]);
const sha1 = createHash('sha1').update(file).digest('hex');

const tree = `${directory}/tree${metrics}`;
if (!existsSync(tree)) await plant(`${tree}.new`, Number(metrics));

const swift = await startSwift(`${directory}/swift`);
const bucket = `big${metrics}`;
const store = createSwiftStore({ container: bucket, auth: { method: 'v1', ...swift.v1 } });
const isThere = await store.open({ create: false }).then(
  () => true,
  () => false,
);
if (!isThere) {
  await store.open({ create: true });
  const preload = fileURLToPath(new URL('../servers/swift/preload.py', import.meta.url));
  const given = [`${directory}/swift`, bucket, metrics, backups, sha1, String(PER_DIRECTORY)];
  sh`/usr/bin/python3 ${preload} ${given}`;
}
await store.close();
const { authUrl, user, key } = swift.v1;
const environment = {
  ST_AUTH: authUrl,
  ST_USER: user,
  ST_KEY: key,
  AWS_ACCESS_KEY_ID: user,
  AWS_SECRET_ACCESS_KEY: key,
  S3: `endpoint=${swift.url}`,
  BUCKET: bucket,
  TREE: tree,
};
await writeFile(
  `${directory}/environment`,
  Object.entries(environment)
    .map(([name, value]) => `export ${name}=${value}\n`)
    .join(''),
);
process.stdout.write(`. ${directory}/environment\n`);
for await (const _ of process.stdin);
await swift.stop();

/** The same small file everywhere: links cost neither blocks nor inodes. */
async function plant(building: string, count: number): Promise<void> {
  await mkdir(building, { recursive: true });
  let source = '';
  for (let i = 0; i < count; i++) {
    const host = `${building}/servers/host${String(Math.floor(i / PER_DIRECTORY)).padStart(5, '0')}`;
    const path = `${host}/metric${String(i % PER_DIRECTORY).padStart(3, '0')}.wsp`;
    if (i % PER_DIRECTORY === 0) await mkdir(host, { recursive: true });
    if (i % LINKS === 0) {
      source = path;
      await writeFile(source, file);
    } else await link(source, path);
  }
  sh`mv ${building} ${building.replace(/\.new$/, '')}`;
}
