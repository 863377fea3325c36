import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe } from 'node:test';
import fc from 'fast-check';
import { claim } from '../../lib/bucket/owner.ts';
import { readPartitions } from '../../lib/bucket/partitions.ts';
import { compareKeys } from '../../lib/common/order.ts';
import { hostStatus } from '../../lib/monitoring/host-status.ts';
import { parseRunRecord } from '../../lib/monitoring/run-record.ts';
import { encodeFrame, readCache } from '../../lib/statcache/cache-file.ts';
import { statCacheFormat } from '../../lib/statcache/entry.ts';
import { machine } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { within } from '../hostile/deadline.ts';
import { inMemory } from '../hostile/memory.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { fuzz, inputsTried, typed, typedLater } from './fuzz.ts';
import { mutated, mutatedText } from './mutation.ts';

const it = casesOf('fuzz', inputsTried);

const facts = { source: 'bucket', nextTimer: null, lockWrites: null } as const;

const MIB = 2 ** 20;
const words = [
  'null',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  '1e400',
  '-1',
  '"__proto__":',
  '\\ud800',
  '\\u0000',
  'a.b/',
  '/',
  '\ufffd',
];

describe("the tool's own objects in a bucket", () => {
  it('contain the owner; other content counts as another machine', async () => {
    const store = createMemoryStore();
    await store.open({ create: true });
    const sound = JSON.stringify({ machineId: machine.id, host: 'web01', since: '2026-11-22T03:14:15.000Z' });
    await fuzz(mutatedText([sound], [...words, machine.id, '"machineId":']), 2000, async (text) => {
      await store.put('.whisper-backup/owner.json', new TextEncoder().encode(text));
      const claimed = await typedLater(async () => {
        await claim(store, { machine, adopt: false, now: new Date() });
        return true;
      });
      if (claimed) assert.ok(text.includes(machine.id.slice(0, 3)) || text.includes('\\u'), text);
    });
  });

  it('contain the record of a run, or are rejected with a typed error', async () => {
    const finished = '2026-11-22T03:14:15.000Z';
    const about = { version: 1, program: '1.0.0', host: 'web01', machine: machine.id, command: 'backup', exitCode: 0 };
    const summary = { store: 'disk:/srv', seconds: 1, counts: { metrics: 2 } };
    const sound = JSON.stringify({ ...about, started: finished, finished, seconds: 1, interval: 3600, summary });
    await fuzz(mutatedText([sound], [...words, '"2026-02-31T99:00:00Z"', '-1']), 3000, async (text) => {
      const record = typed(() => parseRunRecord(text, 'here'));
      if (!record) return;
      const { state, ageSeconds } = hostStatus([record], { ...facts, now: new Date('2026-11-22T03:20:00Z') });
      assert.ok(state !== 'ok' || (ageSeconds !== null && ageSeconds >= 0 && ageSeconds < Infinity), text);
    });
  });

  it('contain the cuts in order, or none', async () => {
    const store = createMemoryStore();
    await store.open({ create: true });
    const sound = JSON.stringify({ version: 1, objects: 12_000, cuts: ['a.b/', 'a.c/', 'é/', '😀/'] });
    await fuzz(mutatedText([sound], words), 3000, async (text) => {
      await store.put('.whisper-backup/partitions.json', new TextEncoder().encode(text));
      const { objects, cuts } = await readPartitions(store, '', undefined);
      assert.ok(Number.isSafeInteger(objects));
      for (const [i, cut] of cuts.entries()) {
        assert.match(cut, /^[^/]+\/$/);
        assert.ok(i === 0 || compareKeys(cuts[i - 1] ?? '', cut) < 0);
      }
    });
  });
});

describe('a changed stat cache', () => {
  const rows = (from: number) =>
    Array.from({ length: 20 }, (_, i) => [`m${100 + from + i}/`, 100, 1.5, 2.5, i, 'a'.repeat(40)]);
  const frames = (...values: readonly unknown[]) => new Uint8Array(Buffer.concat(values.map(encodeFrame)));
  const header = statCacheFormat('/tree').header;
  const sound = frames(header, rows(0), rows(20));
  const values = fc.oneof(fc.jsonValue(), fc.constantFrom(header, rows(0), rows(20), rows(10)));
  const files = fc.oneof(
    mutated(fc.constant(sound), 400),
    fc.array(values, { maxLength: 4 }).map((values) => frames(header, ...values)),
  );

  it('yields the entries before the change, in order, and no others', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('cache');
    await fuzz(files, 3000, async (bytes) => {
      writeFileSync(file, bytes);
      let previous = '';
      for await (const block of readCache(file, statCacheFormat('/tree'))) {
        for (const { order, sha1, size, ino } of block) {
          assert.ok(compareKeys(previous, order) < 0 || (previous === '' && order === ''));
          previous = order;
          assert.equal(typeof sha1, 'string');
          assert.equal(typeof size + typeof ino, 'numbernumber');
        }
      }
    });
  });

  it('does not use memory or time for the sizes that it declares', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('cache');
    const claiming = frames(header).slice();
    new DataView(claiming.buffer).setUint32(0, 0xffffffff, true);
    const junk = frames(header, new Array<number>(4_000_000).fill(1));
    for (const bytes of [claiming, junk]) {
      writeFileSync(file, bytes);
      await inMemory(256 * MIB, () =>
        within(5, async () => {
          for await (const _ of readCache(file, statCacheFormat('/tree'))) assert.fail('it tells nothing');
        }),
      );
    }
  });
});
