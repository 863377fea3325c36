import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { plantMetrics } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { start } from '../scripts/cli/program.ts';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { freePort } from '../servers/free-port.ts';
import type { Place } from './faults.ts';

const METRICS = Array.from({ length: 300 }, (_, i) => `servers/web${i % 7}/cpu${i}`);

/** What the program does while the store is away: it waits, and nothing fails. */
export function outages(placeOf: () => Place): void {
  describe('an outage', () => {
    /** Starts the program with its own bucket, by way of the proxy or of another address. */
    function program(command: string, bucket: string, more: readonly string[], url?: string) {
      const { program, proxy } = placeOf();
      const moved = (text: string) => (url === undefined ? text : text.replace(proxy.url, url));
      const env = Object.fromEntries(Object.entries(program.env).map(([name, value]) => [name, moved(value)]));
      const args = ['--nolog', '--nostamp', '--nolock', '--json', '--no-color', ...more];
      return start([command, ...program.args.map(moved), '-b', bucket, ...args], { env });
    }

    const waitUntil = async (isTrue: () => boolean) => {
      for (let left = 6000; !isTrue(); left--) {
        assert.ok(left > 0, 'it never came to that');
        await sleep(10);
      }
    };

    it('of 503 during a backup and its listing fails nothing, and is reported once', async () => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.path, METRICS);
      const { proxy } = placeOf();
      const seen = proxy.seen.length;
      const backup = program('backup', 'outage', ['-p', scratch.path, '--retry-for', '1m']);
      await waitUntil(() => proxy.seen.length > seen + 60);
      const busy = proxy.inject({ kind: 'answer', status: 503 });
      try {
        await waitUntil(() => busy.hits > 0);
        await sleep(2500);
      } finally {
        busy.heal();
      }
      const { code, stdout, stderr } = await backup.ended;
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).counts.stored, METRICS.length);
      assert.equal(stderr.match(/trying again until/g)?.length, 1, stderr);
      assert.match(stderr, /answers again after \d s/);
      // All wait together: no thread asks again and again.
      assert.ok(busy.hits < 100, `${busy.hits} requests met it`);

      const listing = proxy.inject({ kind: 'answer', status: 503 }, { method: 'GET' });
      const list = program('list', 'outage', ['--retry-for', '1m']);
      await waitUntil(() => listing.hits > 0);
      await sleep(2000);
      listing.heal();
      const listed = await list.ended;
      assert.equal(listed.code, 0, listed.stderr);
      assert.equal(listed.stdout.trim().split('\n').length, METRICS.length);
    });

    it('of a server that is restarted during a restore leaves no file behind', async () => {
      await using scratch = await createScratch();
      const [tree, restored] = [await scratch.directory('tree'), scratch.at('restored')];
      await plantMetrics(tree, METRICS);
      const place = placeOf();
      assert.equal((await program('backup', 'restarted', ['-p', tree]).ended).code, 0);
      const seen = place.proxy.seen.length;
      const restore = program('restore', 'restarted', ['-p', restored, '--retry-for', '2m']);
      await waitUntil(() => place.proxy.seen.length > seen + 100);
      await place.kill();
      await sleep(1000);
      await place.start();
      const { code, stderr } = await restore.ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(contents(await readTree(restored)), contents(await readTree(tree)));
    });

    it('of connections refused at the start is waited for, and reported after the first try', async () => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.path, METRICS.slice(0, 5));
      const port = await freePort();
      const { proxy } = placeOf();
      const url = `http://127.0.0.1:${port}`;
      const backup = program('backup', 'refused', ['-p', scratch.path, '--retry-for', '1m'], url);
      await backup.shown('trying again until');
      await sleep(500);
      const late = await startFaultProxy(proxy.target, port);
      try {
        const { code, stdout, stderr } = await backup.ended;
        assert.equal(code, 0, stderr);
        assert.equal(JSON.parse(stdout).counts.stored, 5);
        assert.match(stderr, /refused/i);
      } finally {
        await late.stop();
      }
    });

    it('that does not end fails what could not be stored, soon, and names it', async () => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.path, METRICS);
      const { proxy } = placeOf();
      const busy = proxy.inject({ kind: 'answer', status: 503 }, { method: 'PUT', url: /servers/, after: 50 });
      try {
        const { code, stdout } = await program('backup', 'endless', ['-p', scratch.path, '--retry-for', '1s']).ended;
        assert.equal(code, 3);
        const { counts, failed } = JSON.parse(stdout);
        assert.equal(counts.stored, 50);
        assert.equal(counts.failed, METRICS.length - 50);
        assert.equal(failed.length, counts.failed);
        assert.ok(busy.hits < METRICS.length, `${busy.hits} requests`);
      } finally {
        busy.heal();
      }
    });

    it('that is waited for ends at once on a signal', async () => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.path, METRICS.slice(0, 5));
      const { proxy } = placeOf();
      const busy = proxy.inject({ kind: 'answer', status: 503, headers: { 'Retry-After': '100' } }, { method: 'PUT' });
      try {
        const backup = program('backup', 'interrupted', ['-p', scratch.path, '--retry-for', '5m']);
        await backup.shown('trying again until');
        const began = performance.now();
        backup.kill('SIGTERM');
        assert.equal((await backup.ended).code, 143);
        // Its record in the bucket is waited for, but not long.
        assert.ok(performance.now() - began < 9000, `it took ${performance.now() - began} ms`);
      } finally {
        busy.heal();
      }
    });
  });
}
