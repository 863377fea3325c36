import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalog, findMetric, hasPairsElsewhere } from '../../lib/bucket/catalog.ts';
import type { StoredMetric } from '../../lib/bucket/metric.ts';
import type { PlaceOptions } from '../../lib/common/options.ts';
import { each } from '../../lib/common/pages.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const TIME = '2026-11-22T03:14:15+00:00';
const LATER = '2026-11-23T03:14:15+00:00';
const SHA1 = '3b71f43ff30f4b15b5cd85dd9e95ebc7e84eb5a3';
const single = (metric: string, time = TIME) => `${metric}/${time}.${SHA1}.wsp.gz`;
const pair = (metric: string, time = TIME) => [`${metric}/${time}.wsp.gz`, `${metric}/${time}.sha1`];

/** A store with these keys and objects of one byte, or of none if `(empty)` follows the key. */
async function storeOf(...keys: readonly string[]): Promise<ObjectStore> {
  const store = createMemoryStore({ pageSize: 3 });
  for (const key of keys) await store.put(key.replace('(empty)', ''), new Uint8Array(key.endsWith('(empty)') ? 0 : 1));
  return store;
}

/** The result of a catalog. */
async function read(store: ObjectStore, place: PlaceOptions = {}) {
  const metrics: StoredMetric[] = [];
  const foreign: string[] = [];
  const disorder: string[] = [];
  const events = {
    onForeign: (key: string) => foreign.push(key),
    onDisorder: (previous: string, key: string) => disorder.push(`${key} after ${previous}`),
  };
  for await (const metric of each(catalog(store, place, events))) metrics.push(metric);
  return { metrics, foreign, disorder };
}

/** Each metric with the keys of all that belongs to it, by kind. */
async function told(store: ObjectStore, place: PlaceOptions = {}): Promise<Record<string, string[]>> {
  const { metrics } = await read(store, place);
  const byPath = Object.fromEntries(metrics.map((metric) => [metric.path, contents(metric)]));
  assert.equal(Object.keys(byPath).length, metrics.length, 'a metric came twice');
  return byPath;
}

function contents({ backups, tombstones, leftovers, loneSha1s }: StoredMetric): string[] {
  return [
    ...backups.map(({ kind, object, sha1Object }) => `${kind} ${object.key}${sha1Object ? ` ${sha1Object.key}` : ''}`),
    ...tombstones.map(({ object }) => `tombstone ${object.key}`),
    ...leftovers.map(({ key }) => `leftover ${key}`),
    ...loneSha1s.map(({ key }) => `lone ${key}`),
  ];
}

describe('catalog', () => {
  it('groups all objects of a metric, oldest first', async () => {
    const store = await storeOf(single('a.b', LATER), ...pair('a.b'), `a.b/${TIME}.gone`, single('c'));
    const { metrics } = await read(store);
    assert.deepEqual(
      metrics.map(({ metric, path, order }) => ({ metric, path, order })),
      [
        { metric: 'a.b', path: 'a/b', order: 'a.b/' },
        { metric: 'c', path: 'c', order: 'c/' },
      ],
    );
    assert.deepEqual(metrics.map(contents), [
      [`pair a.b/${TIME}.wsp.gz a.b/${TIME}.sha1`, `single ${single('a.b', LATER)}`, `tombstone a.b/${TIME}.gone`],
      [`single ${single('c')}`],
    ]);
    const [pairBackup, singleBackup] = metrics[0]?.backups ?? [];
    assert.equal(pairBackup?.sha1, undefined);
    assert.equal(singleBackup?.sha1, SHA1);
    assert.deepEqual(singleBackup?.time, new Date(LATER));
  });

  it('counts a pair as a backup only if both objects exist and the data is not empty', async () => {
    const store = await storeOf(
      `nodata/${TIME}.sha1`,
      `nosha1/${TIME}.wsp.gz`,
      `empty/${TIME}.wsp.gz(empty)`,
      `empty/${TIME}.sha1`,
      `snappy/${TIME}.wsp.sz`,
      `snappy/${TIME}.sha1`,
      `times/${TIME}.wsp.gz`,
      `times/${LATER}.sha1`,
      `ours/${TIME}.${SHA1}.wsp.gz(empty)`,
    );
    assert.deepEqual(await told(store), {
      nodata: [`lone nodata/${TIME}.sha1`],
      nosha1: [`leftover nosha1/${TIME}.wsp.gz`],
      empty: [`leftover empty/${TIME}.wsp.gz`, `lone empty/${TIME}.sha1`],
      snappy: [`pair snappy/${TIME}.wsp.sz snappy/${TIME}.sha1`],
      times: [`leftover times/${TIME}.wsp.gz`, `lone times/${LATER}.sha1`],
      ours: [`leftover ours/${TIME}.${SHA1}.wsp.gz`],
    });
  });

  it('merges keys with a leading slash, the default storage path of some Python versions', async () => {
    const store = await storeOf(
      ...pair('/a'),
      ...pair('/b.c'),
      ...pair('b.c', LATER),
      single('b.c', LATER),
      ...pair('/z'),
      single('m'),
    );
    const { metrics, foreign } = await read(store);
    assert.deepEqual(
      metrics.map(({ path }) => path),
      ['a', 'b/c', 'm', 'z'],
    );
    assert.deepEqual(
      contents(metrics[1] ?? assert.fail()),
      [
        `pair /b.c/${TIME}.wsp.gz /b.c/${TIME}.sha1`,
        `single ${single('b.c', LATER)}`,
        `pair b.c/${LATER}.wsp.gz b.c/${LATER}.sha1`,
      ].sort((a, b) => Number(a.includes(LATER)) - Number(b.includes(LATER))),
    );
    assert.deepEqual(foreign, []);
  });

  it('does not pair objects with and without the slash', async () => {
    const store = await storeOf(`/a/${TIME}.wsp.gz`, `a/${TIME}.sha1`);
    assert.deepEqual(await told(store), { a: [`leftover /a/${TIME}.wsp.gz`, `lone a/${TIME}.sha1`] });
  });

  it('ignores our own keys after a leading slash', async () => {
    const store = await storeOf(`/${single('a')}`, `/a/${TIME}.gone`, '/.whisper-backup/owner.json', ...pair('//b'));
    const { metrics, foreign } = await read(store);
    assert.deepEqual(metrics, []);
    assert.deepEqual(foreign.toSorted(), [`/${single('a')}`, `/a/${TIME}.gone`, ...pair('//b')].toSorted());
  });

  it('does not see other storage paths', async () => {
    const store = await storeOf(
      single('a'),
      ...pair('sp/a'),
      single('sp/b'),
      `sp2/c/${TIME}.gone`,
      ...pair('spd'),
      single('sp'),
      '.whisper-backup/owner.json',
      'sp/.whisper-backup/owner.json',
    );
    const paths = async (place: PlaceOptions) => (await read(store, place)).metrics.map(({ path }) => path);
    assert.deepEqual(await paths({}), ['a', 'sp', 'spd']);
    assert.deepEqual(await paths({ storagePath: 'sp' }), ['a', 'b']);
    assert.deepEqual(await paths({ storagePath: '/sp2/' }), ['c']);
    assert.deepEqual(await paths({ storagePath: 's' }), []);
    assert.deepEqual(await paths({ storagePathRaw: 'sp' }), ['d']);
  });

  it('counts foreign keys, and skips those of the tool itself', async () => {
    const strange = ['a/readme', `a/${TIME}.wsp.zst`, 'zzz', `../${TIME}.gone`, `sp/${single('x')}`];
    const store = await storeOf(single('a'), '.whisper-backup/probe', ...strange);
    const { metrics, foreign } = await read(store);
    assert.deepEqual(
      metrics.map(({ path }) => path),
      ['a'],
    );
    assert.deepEqual(foreign.toSorted(), strange.toSorted());
  });

  it('separates metrics under one name: our keys are escaped, those of pairs are not', async () => {
    // Ours is of the path `.a`, the pair of the path `%2Ea`.
    const store = await storeOf(...pair('%2Ea'), single('%2Ea', LATER));
    assert.deepEqual(await told(store), {
      '.a': [`single ${single('%2Ea', LATER)}`],
      '%2Ea': [`pair %2Ea/${TIME}.wsp.gz %2Ea/${TIME}.sha1`],
    });
  });

  it('is in ascending order and distinct for every metric, except for pairs of names that we escape', async () => {
    const store = await storeOf(...pair('%2Ea'), single('%2Ea', LATER), single('%'), ...pair('/b'), single('a%2Eb.c'));
    const { metrics } = await read(store);
    assert.deepEqual(
      metrics.map(({ path }) => path),
      ['%', '.a', '%2Ea', 'a.b/c', 'b'],
    );
    const orders = metrics.map(({ order }) => order);
    assert.deepEqual(orders, [...new Set(orders)].sort());
    assert.equal(orders[1], '%2Ea/');
    assert.notEqual(orders[2], '%252Ea/');
  });

  it('yields pairs of an escaped name exactly once, whatever other backups the metric has', async () => {
    // The path `%2Ea/b`: pairs at `%2Ea.b`, ours at `%252Ea.b`.
    const path = '%2Ea/b';
    const ours = '%252Ea.b';
    const theirs = '%2Ea.b';
    assert.ok(hasPairsElsewhere(path));
    const pairTold = `pair ${theirs}/${TIME}.wsp.gz ${theirs}/${TIME}.sha1`;
    const oursTold = `single ${single(ours, LATER)}`;

    assert.deepEqual(await told(await storeOf(...pair(theirs))), { [path]: [pairTold] });
    assert.deepEqual(await told(await storeOf(...pair(theirs), single(ours, LATER))), { [path]: [pairTold, oursTold] });
    assert.deepEqual(await told(await storeOf(single(ours, LATER))), { [path]: [oursTold] });
    assert.deepEqual(await told(await storeOf(...pair(theirs), `${ours}/${LATER}.gone`)), {
      [path]: [pairTold, `tombstone ${ours}/${LATER}.gone`],
    });
    assert.deepEqual(await told(await storeOf(...pair(`/${theirs}`), single(ours, LATER))), {
      [path]: [`pair /${theirs}/${TIME}.wsp.gz /${theirs}/${TIME}.sha1`, oursTold],
    });
    const both = await storeOf(...pair(theirs, LATER), ...pair(`/${theirs}`));
    assert.equal((await told(both))[path]?.length, 2);
    const placed = await storeOf(...pair(`sp/${theirs}`), single(`sp/${ours}`, LATER));
    assert.deepEqual(Object.keys(await told(placed, { storagePath: 'sp' })), [path]);
  });

  it('reports a listing that does not ascend, and continues', async () => {
    const store = await storeOf(single('a'), single('b'), single('c'));
    const shuffled = delegate(store, { list: () => reversed(store) });
    const { metrics, disorder } = await read(shuffled);
    assert.ok(disorder.includes(`${single('b')} after ${single('c')}`));
    assert.deepEqual(metrics.map(({ path }) => path).toSorted(), ['a', 'b', 'c']);
  });

  it('reports a listing that contains a key twice', async () => {
    const store = await storeOf(single('a'));
    async function* twice() {
      yield* store.list();
      yield* store.list();
    }
    const { disorder } = await read(delegate(store, { list: twice }));
    assert.ok(disorder.length > 0);
  });

  it('lists the bucket once, or twice if there may be leading slashes, for any number of metrics', async () => {
    const store = await storeOf(...Array.from({ length: 40 }, (_, i) => single(`m${i}`)));
    let lists = 0;
    const counted = delegate(store, {
      list(range) {
        lists++;
        return store.list(range);
      },
    });
    await read(counted);
    assert.equal(lists, 2);
    lists = 0;
    await read(counted, { storagePath: 'sp' });
    assert.equal(lists, 1);
  });

  it('lists once more for each metric whose pairs would have another name', async () => {
    const names = Array.from({ length: 40 }, (_, i) => single(`m${i}%252E`));
    for (const [root, expected] of [
      ['', 42],
      ['sp/', 41],
    ] as const) {
      const store = await storeOf(...names.map((name) => root + name));
      let lists = 0;
      const counted = delegate(store, {
        list(range) {
          lists++;
          return store.list(range);
        },
      });
      const { metrics } = await read(counted, { storagePath: root });
      assert.deepEqual([metrics.length, lists], [40, expected]);
    }
  });
});

describe('findMetric', () => {
  it('returns the same as the catalog, without listing the rest of the bucket', async () => {
    const store = await storeOf(
      ...pair('%2Ea.b'),
      single('%252Ea.b', LATER),
      single('%252Ea.bc'),
      ...pair('/x'),
      single('x', LATER),
      `y/${TIME}.gone`,
    );
    const { metrics } = await read(store);
    for (const metric of metrics) {
      const found = (await findMetric(store, {}, metric.path)) ?? assert.fail();
      assert.deepEqual(contents(found), contents(metric));
    }
    assert.equal(await findMetric(store, {}, 'missing'), undefined);
    assert.equal(await findMetric(store, { storagePath: 'sp' }, 'x'), undefined);
  });
});

async function* reversed(store: ObjectStore) {
  const all = [];
  for await (const object of store.list()) all.push(object);
  yield* all.reverse();
}
