import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import pMap from 'p-map';
import { BucketMissingError, NotFoundError, PermanentError, TooLargeError } from '../../lib/store/errors.ts';
import type { ListRange, ObjectStore } from '../../lib/store/store.ts';
import { bytes, collect, keysOf, text } from './collect.ts';

/** A store to try, with an empty bucket of its own. */
export interface Specimen {
  readonly store: ObjectStore;
  /** The same kind of store, whose bucket does not exist. */
  readonly missing: ObjectStore;
  /** Makes its listing name these. @default each is put */
  fill?(keys: readonly string[]): Promise<void>;
  dispose(): Promise<void>;
}

const ODD_NAMES = [
  'with space',
  ' leading and trailing ',
  'a+b',
  'a%2Fb%',
  'a;b',
  'a=b&c?d#e',
  '2026-11-22T03:14:15+00:00.wsp.gz',
  '[*?]',
  'quote\'s "here"',
  'back\\slash',
  'new\nline',
  '.hidden',
  'é',
  'e\u0301',
  '～',
  '😀',
  '\u{10ffff}',
  '-n',
  '<xml>&amp;',
];

/** What every store must do, whichever it is. Give more objects than three pages of its listing have. */
export function conformance(name: string, make: () => Promise<Specimen>, { objects = 2500 } = {}): void {
  describe(`${name} conforms`, () => {
    let specimen: Specimen;
    let store: ObjectStore;

    before(async () => {
      specimen = await make();
      store = specimen.store;
      await store.open({ create: true });
    });
    after(async () => {
      await store.close();
      await specimen.dispose();
    });

    it('returns what was put, for any name', async () => {
      for (const odd of ODD_NAMES) {
        const key = `odd/${odd}/${odd}`;
        await store.put(key, bytes(odd));
        assert.equal(text(await store.get(key, { maxBytes: 1000 })), odd);
      }
      const expected = ODD_NAMES.map((odd) => `odd/${odd}/${odd}`).sort((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      );
      assert.deepEqual(await keysOf(store, { prefix: 'odd/' }), expected);
    });

    it('stores every byte value, no bytes, and some megabytes', async () => {
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      const large = Uint8Array.from({ length: 9_000_001 }, (_, i) => i * 31 + (i >> 8));
      for (const body of [all, new Uint8Array(0), large, large.subarray(3, 5000)]) {
        await store.put('bodies/one', body);
        const got = await store.get('bodies/one', { maxBytes: body.length });
        assert.ok(got instanceof Uint8Array);
        assert.ok(Buffer.from(got).equals(body));
        const [object] = await collect(store, { prefix: 'bodies/one' });
        assert.equal(object?.size, body.length);
        if (object?.md5 !== undefined) assert.equal(object.md5, createHash('md5').update(body).digest('hex'));
      }
    });

    it('reads a range of an object', async () => {
      await store.put('ranges', bytes('0123456789'));
      const read = async (start: number, end: number) =>
        text(await store.get('ranges', { range: { start, end }, maxBytes: 10 }));
      assert.deepEqual(await Promise.all([read(0, 1), read(3, 7), read(0, 10), read(8, 100)]), [
        ...['0', '3456', '0123456789', '89'],
      ]);
    });

    it('keeps the stored bytes, even if the caller reuses the buffer', async () => {
      const body = bytes('mine');
      await store.put('reused', body);
      body.fill(0);
      const got = await store.get('reused', { maxBytes: 10 });
      assert.equal(text(got), 'mine');
      got.fill(0);
      assert.equal(text(await store.get('reused', { maxBytes: 10 })), 'mine');
    });

    it('accepts keys of 900 and of 1,024 bytes, and rejects longer ones', async () => {
      const start = `long/${`${'é'.repeat(100)}/`.repeat(4)}`;
      const keyOf = (size: number) => start + 'x'.repeat(size - bytes(start).length);
      for (const size of [900, 1024]) {
        const key = keyOf(size);
        assert.equal(bytes(key).length, size);
        await store.put(key, bytes('long'));
        assert.equal(text(await store.get(key, { maxBytes: 10 })), 'long');
        assert.ok((await keysOf(store, { prefix: 'long/' })).includes(key));
      }
      await assert.rejects(store.put(keyOf(1025), bytes('x')), PermanentError);
    });

    it('rejects invalid keys', async () => {
      for (const key of ['', 'a\0b', '\ud800']) {
        await assert.rejects(store.put(key, bytes('x')), PermanentError);
        await assert.rejects(store.get(key, { maxBytes: 1 }), PermanentError);
      }
    });

    it('replaces an object, and lists its new size and time', async () => {
      await store.put('replaced/a', bytes('first'));
      const [first] = await collect(store, { prefix: 'replaced/' });
      await store.put('replaced/a', bytes('second one'));
      const objects = await collect(store, { prefix: 'replaced/' });
      assert.equal(objects.length, 1);
      assert.equal(objects[0]?.size, 10);
      assert.ok(first && objects[0].modified >= first.modified);
      assert.equal(text(await store.get('replaced/a', { maxBytes: 10 })), 'second one');
    });

    it('lists the time of an object by its own clock', async () => {
      const earlier = await store.clock();
      await store.put('timed', bytes('x'));
      const later = await store.clock();
      const [object] = await collect(store, { prefix: 'timed' });
      assert.ok(object);
      // File systems and servers keep time in steps: of a tick, or of a second.
      if (earlier) assert.ok(object.modified.getTime() >= earlier.getTime() - 1000);
      if (later) assert.ok(object.modified.getTime() <= later.getTime() + 1000);
    });

    it('reports a missing object', async () => {
      await assert.rejects(store.get('not/there', { maxBytes: 10 }), NotFoundError);
      await store.put('there/below', bytes('x'));
      await assert.rejects(store.get('there', { maxBytes: 10 }), NotFoundError);
      await assert.rejects(store.get('there/below/it', { maxBytes: 10 }), NotFoundError);
    });

    it('does not read more than the limit', async () => {
      await store.put('bounded', bytes('12345'));
      await assert.rejects(store.get('bounded', { maxBytes: 4 }), TooLargeError);
      assert.equal(text(await store.get('bounded', { maxBytes: 5 })), '12345');
    });

    it('deletes many objects, and accepts missing ones', async () => {
      const keys = Array.from({ length: 50 }, (_, i) => `deleted/${i % 7}/${i}`);
      await pMap(keys, (key) => store.put(key, bytes(key)), { concurrency: 8 });
      await store.put('deleted/kept', bytes('x'));
      assert.deepEqual(await store.delete([...keys, 'deleted/never', 'never/was/here', 'deleted/1']), []);
      assert.deepEqual(await keysOf(store, { prefix: 'deleted/' }), ['deleted/kept']);
      assert.deepEqual(await store.delete(keys), []);
      assert.deepEqual(await store.delete([]), []);
    });

    it('has one complete body after concurrent puts to one key', async () => {
      const bodies = Array.from({ length: 20 }, (_, i) => bytes(`${i} `.repeat(1000 + i)));
      await Promise.all(bodies.map((body) => store.put('contended/key', body)));
      const got = text(await store.get('contended/key', { maxBytes: 100_000 }));
      assert.ok(bodies.some((body) => text(body) === got));
      assert.deepEqual(await keysOf(store, { prefix: 'contended/' }), ['contended/key']);
    });

    it('puts into a directory while its last object is deleted', async () => {
      for (let round = 0; round < 30; round++) {
        await store.put('busy/a/b/old', bytes('old'));
        await Promise.all([store.delete(['busy/a/b/old']), store.put('busy/a/b/new', bytes('new'))]);
        assert.deepEqual(await keysOf(store, { prefix: 'busy/' }), ['busy/a/b/new']);
        await store.delete(['busy/a/b/new']);
      }
    });

    it("stops with the signal's reason when it is aborted", async () => {
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await assert.rejects(store.put('aborted', bytes('x'), { signal }), reason);
      await assert.rejects(store.get('aborted', { maxBytes: 1, signal }), reason);
      await assert.rejects(store.delete(['aborted'], { signal }), reason);
      await assert.rejects(keysOf(store, { signal }), reason);
      await assert.rejects(store.flush({ signal }), reason);
      await assert.rejects(store.clock({ signal }), reason);
      await assert.rejects(store.open({ create: false, signal }), reason);
      assert.deepEqual(await keysOf(store, { prefix: 'aborted' }), []);
    });

    it('stores all or nothing if the signal is aborted during a put', async () => {
      const body = new Uint8Array(20_000_000).fill(7);
      for (const wait of [0, 1, 3, 8]) {
        const controller = new AbortController();
        const put = store.put('interrupted', body, { signal: controller.signal });
        const aborted = new Promise((resolve) => setTimeout(resolve, wait)).then(() =>
          controller.abort(new Error('x')),
        );
        const [outcome] = await Promise.allSettled([put, aborted]);
        const found = await collect(store, { prefix: 'interrupted' });
        if (outcome?.status === 'fulfilled') assert.equal(found[0]?.size, body.length);
        else for (const object of found) assert.equal(object.size, body.length);
        await store.delete(['interrupted']);
      }
    });

    it('flushes', async () => {
      await store.put('flushed', bytes('x'));
      await store.flush();
    });

    it('reports a missing bucket', async () => {
      await assert.rejects(specimen.missing.open({ create: false }), BucketMissingError);
      await assert.rejects(keysOf(specimen.missing), BucketMissingError);
      await assert.rejects(specimen.missing.put('a', bytes('x')), BucketMissingError);
      const refused = new Error('refused');
      const refuse = () => {
        throw refused;
      };
      await assert.rejects(specimen.missing.open({ create: true, onMissing: refuse }), refused);
      await assert.rejects(keysOf(specimen.missing), BucketMissingError);
      let asked = 0;
      await specimen.missing.open({ create: true, onMissing: () => asked++ });
      assert.equal(asked, 1);
      await specimen.missing.open({ create: true, onMissing: refuse });
      assert.deepEqual(await keysOf(specimen.missing), []);
      await specimen.missing.put('a', bytes('x'));
      assert.deepEqual(await keysOf(specimen.missing), ['a']);
      await specimen.missing.close();
    });
  });

  describe(`${name} lists`, () => {
    let specimen: Specimen;
    let store: ObjectStore;
    let sorted: string[];

    before(async () => {
      specimen = await make();
      store = specimen.store;
      await store.open({ create: true });
      const directories = ['a', 'a.b', 'a-b', 'a0', 'A', 'a b', 'é', '～', '😀', 'z'];
      const keys = Array.from({ length: objects }, (_, i) => {
        const directory = (n: number) => directories[n % directories.length];
        const depth = i % 3;
        const path = depth === 0 ? '' : depth === 1 ? `${directory(i)}/` : `${directory(i)}/${directory(i >> 4)}/`;
        return `${path}${i % 5 === 0 ? '～' : i % 7 === 0 ? '😀' : ''}${i.toString(36)}!`;
      });
      if (specimen.fill) await specimen.fill(keys);
      else await pMap(keys, (key, i) => store.put(key, new Uint8Array(i % 10)), { concurrency: 8 });
      sorted = keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    });
    after(async () => {
      await store.close();
      await specimen.dispose();
    });

    /** The definition, in so many words. */
    function expected({ prefix = '', startAfter, endBefore }: ListRange): string[] {
      const before = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
      return sorted.filter(
        (key) =>
          key.startsWith(prefix) &&
          (startAfter === undefined || before(startAfter, key)) &&
          (endBefore === undefined || before(key, endBefore)),
      );
    }

    it(`${objects} objects, ascending by the bytes of UTF-8`, async () => {
      const listed = await keysOf(store);
      assert.equal(listed.length, objects);
      assert.deepEqual(listed, sorted);
    });

    it('any range of them', async () => {
      const bound = fc.oneof(
        fc.nat(objects - 1).map((i) => sorted[i] ?? ''),
        fc
          .tuple(fc.nat(objects - 1), fc.nat(10))
          .map(([i, length]) => [...(sorted[i] ?? '')].slice(0, length).join('')),
        fc.string({ unit: fc.constantFrom('a', '/', '.', '0', '～', '😀', '!'), maxLength: 4 }),
      );
      const range = fc.record({ prefix: bound, startAfter: bound, endBefore: bound }, { requiredKeys: [] });
      await fc.assert(
        fc.asyncProperty(range, async (range) => {
          assert.deepEqual(await keysOf(store, range), expected(range));
        }),
        { numRuns: 150 },
      );
    });

    it('nothing if no key starts with the prefix', async () => {
      for (const prefix of [
        'nothing',
        'a/nothing/',
        '../',
        '/',
        './',
        'a//',
        'a/../a/',
        sorted[0]?.concat('/') ?? '',
      ]) {
        assert.deepEqual(await keysOf(store, { prefix }), []);
      }
    });

    it('as far as the caller reads, and again from there', async () => {
      const first: string[] = [];
      for await (const { key } of store.list()) {
        first.push(key);
        if (first.length === Math.floor(objects / 2)) break;
      }
      const last = first.at(-1);
      assert.ok(last);
      assert.deepEqual([...first, ...(await keysOf(store, { startAfter: last }))], sorted);
    });

    it('until its signal is aborted', async () => {
      const controller = new AbortController();
      const reason = new Error('enough');
      let count = 0;
      await assert.rejects(async () => {
        for await (const _ of store.list({ signal: controller.signal })) {
          if (++count === 10) controller.abort(reason);
        }
      }, reason);
      assert.ok(count < objects);
    });
  });
}
