import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createScratch } from './fixtures/scratch.ts';
import { contents, plantTree, readTree } from './fixtures/tree.ts';
import { type Ended, run } from './scripts/cli/program.ts';
import { type Carbon, startCarbon } from './servers/carbon.ts';
import { ownBucket, sharedRadosgw, sharedSwift } from './servers/shared.ts';
import { fetchPoints } from './whisper/fetch.ts';

const PLANTED = Array.from({ length: 260 }, (_, i) => `servers/web${i % 10}/cpu${i}.wsp`);
const LIVE = Array.from({ length: 40 }, (_, i) => `live.host${i % 4}.metric${i}`);

const scratch = await createScratch();
const [radosgw, swift, carbon] = await Promise.all([
  sharedRadosgw(),
  sharedSwift(await scratch.directory('swift')),
  startCarbon(await scratch.directory('carbon'), { retentions: '1s:1h,10s:6h' }),
]);
const planted = await plantTree(carbon.prefix, PLANTED);
const feed = startFeed(carbon);
after(async () => {
  await feed.stop();
  await Promise.all([carbon.stop(), radosgw.stop(), swift.stop()]);
  await scratch[Symbol.asyncDispose]();
});

const kinds = [
  {
    name: 'S3',
    storage: ['s3', `endpoint=${radosgw.s3.endpoint}`],
    env: {
      AWS_ACCESS_KEY_ID: radosgw.s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: radosgw.s3.secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
    },
    client: 'aws',
    // Before version 2.13 it reads the endpoint from nowhere else.
    command: `/usr/bin/aws --endpoint-url ${radosgw.s3.endpoint}`,
  },
  {
    name: 'Swift',
    storage: ['swift'],
    env: { ST_AUTH: swift.v1.authUrl, ST_USER: swift.v1.user, ST_KEY: swift.v1.key },
    client: 'swift',
    command: '/usr/bin/swift',
  },
] as const;

for (const { name, storage, env, client, command } of kinds) {
  const bucket = ownBucket(`graphite.web-${name.toLowerCase()}`);
  const program = async (action: string): Promise<Ended> => {
    const options = ['--nolog', '--nolock', '--nostamp', '--json', '-p', carbon.prefix, '-b', bucket];
    const ended = await run([action, ...storage, ...options], { env });
    assert.equal(ended.code, 0, ended.stderr);
    return ended;
  };

  describe(`A tree that carbon-cache writes to, on ${name}`, () => {
    it('is backed up, partly deleted, and restored with every point', async () => {
      await until(() => LIVE.every((metric) => existsSync(fileOf(metric))), 30);
      await sleep(2500);
      const before = await pointsOf(LIVE);
      const { counts } = JSON.parse((await program('backup')).stdout);
      assert.equal(counts.metrics, PLANTED.length + LIVE.length);

      // One host of the old tree, and half of the files that carbon writes, which it recreates at once.
      await rm(join(carbon.prefix, 'servers', 'web3'), { recursive: true });
      const lost = LIVE.filter((_, i) => i % 4 < 2);
      for (const metric of lost) await rm(fileOf(metric), { force: true });
      await until(() => lost.some((metric) => existsSync(fileOf(metric))), 30);
      await program('restore');

      const tree = await readTree(join(carbon.prefix, 'servers'));
      const restored = new Map([...tree].map(([path, bytes]) => [`servers/${path}`, bytes]));
      assert.deepEqual(contents(restored), contents(planted));
      const now = await pointsOf(LIVE);
      for (const metric of LIVE) {
        const points = [...(before.get(metric) ?? [])];
        assert.ok(points.length > 0, metric);
        for (const [timestamp, value] of points) {
          assert.equal(now.get(metric)?.get(timestamp), value, `${metric} at ${timestamp}`);
        }
      }
    });

    it(`is restored by hand with ${client} and gunzip, as in the README`, async () => {
      const told = await commandsOfReadme(client);
      assert.match(told, /^bucket=\S+ metric=\S+\n/);
      const own = told.replace(/^.*\n/, `bucket=${bucket} metric=servers.web3.cpu13\n`);
      const directory = await scratch.directory(`by-hand-${client}`);
      const script = `set -eu\n${client}() { ${command} "$@"; }\n${own}`;
      await shell(script, directory, env);
      const file = new Uint8Array(await readFile(join(directory, 'cpu.wsp')));
      assert.deepEqual(file, planted.get('servers/web3/cpu13.wsp'));
    });
  });
}

/** The block of commands of the README in which this program is called. */
async function commandsOfReadme(client: string): Promise<string> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const blocks = [...readme.matchAll(/```sh\n([^`]*)```/g)].map(([, block = '']) => block);
  const found = blocks.filter((block) => block.includes('gunzip') && new RegExp(`^${client} `, 'm').test(block));
  assert.equal(found.length, 1, `one block of the README calls ${client} and gunzip`);
  return found[0] ?? '';
}

async function shell(script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn('/bin/sh', ['-c', script], {
    cwd,
    env: { PATH: '/usr/bin:/bin', HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk);
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 0, output);
}

/** Sends a point for each live metric every second. */
function startFeed(carbon: Carbon): { stop(): Promise<void> } {
  let writing = true;
  const writer = (async () => {
    for (let round = 0; writing; round++) {
      const timestamp = Math.floor(Date.now() / 1000);
      await carbon.send(LIVE.map((metric, i) => ({ metric, timestamp, value: round * 100 + i })));
      await sleep(1000 - (Date.now() % 1000) + 5);
    }
  })();
  return {
    async stop() {
      writing = false;
      await writer;
    },
  };
}

/** What is in the files now, by metric and second. */
async function pointsOf(metrics: readonly string[]): Promise<Map<string, Map<number, number>>> {
  const now = Math.floor(Date.now() / 1000);
  const found = new Map<string, Map<number, number>>();
  for (const metric of metrics) {
    const series = fetchPoints(new Uint8Array(await readFile(fileOf(metric))), { from: now - 3000, until: now, now });
    const points = new Map<number, number>();
    series?.values.forEach((value, i) => {
      if (value !== undefined) points.set(series.from + i * series.step, value);
    });
    found.set(metric, points);
  }
  return found;
}

function fileOf(metric: string): string {
  return join(carbon.prefix, `${metric.replaceAll('.', '/')}.wsp`);
}

async function until(condition: () => boolean, seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not within ${seconds} s: ${condition}`);
    await sleep(50);
  }
}
