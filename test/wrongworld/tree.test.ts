import assert from 'node:assert/strict';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { describe } from 'node:test';
import { casesOf } from '../fixtures/reliability.ts';
import { contents } from '../fixtures/tree.ts';
import { below, names, Site } from './site.ts';

const it = casesOf('wrong-world');

for (const kind of ['memory', 'disk'] as const) {
  describe(`a wrong tree, with a bucket in ${kind === 'memory' ? 'memory' : 'a directory'}`, () => {
    it('empty for two months: nothing is deleted, and everything can be restored', async () => {
      await using site = await Site.create(kind);
      // So few that no other guard would stop it.
      await site.write(names(15));
      await site.night();
      const whole = contents(await site.files());
      await rename(site.prefix, site.aside('away'));
      await mkdir(site.prefix);
      for (let night = 0; night < 60; night++)
        assert.equal(await site.night({ purge: night % 2 === 0 ? 45 : 0 }), 'NOTHING_MATCHED');
      assert.equal(await site.backups(), 15);
      assert.deepEqual(contents(await site.restored()), whole);
    });

    it("of another host, by a wrong prefix: the host's own backups stay, and are unchanged the next night", async () => {
      await using site = await Site.create(kind);
      await site.write(names(30, 'theirs/'));
      await rename(site.prefix, site.aside('theirs'));
      await site.write(names(30, 'ours/'));
      await site.night();
      await rename(site.prefix, site.aside('ours'));
      await rename(site.aside('theirs'), site.prefix);
      // Twice, as the first time the bucket holds none of these yet.
      assert.equal(await site.night({ purge: 0 }), 'TOO_MANY_DUE');
      assert.equal(await site.night({ purge: 0, purgeShare: 49 }), 'TOO_MANY_DUE');
      await rename(site.prefix, site.aside('theirs'));
      await rename(site.aside('ours'), site.prefix);
      const { counts } = await site.backUp();
      assert.deepEqual([counts['stored'], counts['unchanged'], await site.backups()], [0, 30, 60]);
      assert.deepEqual(contents(await site.restored({ metrics: 'ours.*' })), contents(await site.files()));
    });

    it('of another, larger host: purge is stopped for a week, even if the bucket has more of its metrics, and then 45 days are left', async () => {
      await using site = await Site.create(kind);
      await site.write(names(40, 'theirs/'));
      await rename(site.prefix, site.aside('theirs'));
      await site.write(names(25, 'ours/'));
      for (let night = 0; night < 8; night++) await site.night();
      await rename(site.prefix, site.aside('ours'));
      await rename(site.aside('theirs'), site.prefix);
      for (let night = 0; night < 8; night++) assert.equal(await site.night(), 'TOO_MANY_GONE', `night ${night}`);
      for (let night = 0; night <= 45; night++) assert.equal(await site.night(), 'went on');
      await rename(site.prefix, site.aside('theirs'));
      await rename(site.aside('ours'), site.prefix);
      assert.deepEqual(contents(await site.restored({ metrics: 'ours.*' })), contents(await site.files()));
      const { counts } = await site.backUp();
      assert.deepEqual([counts['stored'], counts['unchanged'], await site.backups()], [25, 0, 90]);
    });

    it('one level too deep: metrics stored under wrong names do not lower the share of the real ones', async () => {
      await using site = await Site.create(kind);
      await site.write(names(50, 'servers/'));
      for (let night = 0; night < 8; night++) await site.night();
      const whole = contents(await site.files());
      // By another tree at the same path: a path of its own would be refused.
      await rename(site.prefix, site.aside('real'));
      await rename(`${site.aside('real')}/servers`, site.prefix);
      for (let night = 0; night < 8; night++) assert.equal(await site.night(), 'TOO_MANY_GONE', `night ${night}`);
      for (let night = 0; night <= 45; night++) assert.equal(await site.night(), 'went on');
      assert.deepEqual(contents(await site.restored({ metrics: 'servers.*' })), whole);
    });

    it('one level too deep, with every metric changing every night: the first nights mark nothing', async () => {
      await using site = await Site.create(kind);
      for (let night = 0; night < 8; night++) {
        await site.write(names(50, 'servers/'));
        await site.night();
      }
      const whole = contents(await site.files());
      await rename(site.prefix, site.aside('real'));
      await rename(`${site.aside('real')}/servers`, site.prefix);
      for (let night = 0; night < 4; night++) {
        await site.write(names(50));
        assert.equal(await site.night(), 'TOO_MANY_GONE', `night ${night}`);
      }
      assert.deepEqual(contents(await site.restored({ metrics: 'servers.*' })), whole);
    });

    it('of which the larger half is not mounted: nothing is marked or deleted', async () => {
      await using site = await Site.create(kind);
      await site.write([...names(25, 'mounted/'), ...names(15, 'root/')]);
      await site.night();
      const whole = contents(below(await site.files(), 'mounted/'));
      await rename(`${site.prefix}/mounted`, site.aside('away'));
      await mkdir(`${site.prefix}/mounted`);
      for (let night = 0; night < 50; night++) {
        await site.write(['root/m000']);
        assert.equal(await site.night({ retention: 1 }), 'TOO_MANY_GONE');
      }
      assert.equal(await site.backups(), 40);
      assert.deepEqual(contents(await site.restored({ metrics: 'mounted.*' })), whole);
    });

    it('of which the smaller half is not mounted: its backups stay 45 days, counted again for each absence', async () => {
      await using site = await Site.create(kind);
      await site.write([...names(15, 'mounted/'), ...names(25, 'root/')]);
      await site.night();
      const whole = contents(await site.files());
      for (const [absences, absence] of ['first', 'second'].entries()) {
        await rename(`${site.prefix}/mounted`, site.aside('away'));
        for (let night = 0; night <= 45; night++) assert.equal(await site.night(), 'went on');
        assert.equal(await site.backups(), 40 + 15 * absences, absence);
        assert.deepEqual(contents(await site.restored()), whole);
        await rename(site.aside('away'), `${site.prefix}/mounted`);
        // What is back is stored anew, which voids its tombstone.
        const { counts } = await site.backUp();
        assert.deepEqual([counts['stored'], counts['unchanged']], [15, 25]);
      }
      await rename(`${site.prefix}/mounted`, site.aside('away'));
      for (let night = 0; night <= 46; night++) await site.night();
      assert.equal(await site.backups(), 25);
      assert.deepEqual(contents(await site.restored()), contents(await site.files()));
    });

    it('of which a part is unknown: nothing is missing where a file replaces a directory', async () => {
      await using site = await Site.create(kind);
      await site.write([...names(5, 'sub/'), ...names(5, 'root/')]);
      await site.night();
      const whole = below(await site.files(), 'sub/');
      await rm(`${site.prefix}/sub`, { recursive: true });
      await writeFile(`${site.prefix}/sub`, '');
      for (let night = 0; night < 50; night++) assert.equal(await site.night(), 'went on');
      assert.deepEqual(contents(await site.restored({ metrics: 'sub.*' })), contents(whole));
    });

    it('recreated almost empty after a loss: old data can be restored for as many days as a deleted metric', async () => {
      await using site = await Site.create(kind);
      await site.write([...names(4, 'sub/'), ...names(4, 'idle/')], 60);
      await site.night({ retention: 3 });
      const lost = new Date(site.time);
      const whole = contents(below(await site.files(), 'sub/'));
      for (let night = 1; night <= 46; night++) {
        await site.write(names(4, 'sub/'), 1);
        assert.equal(await site.night({ retention: 3 }), 'went on');
        // Each has the newest three, the whole one, and the first after it.
        assert.equal(await site.backups(), 4 + 4 * Math.min(5, night + 1), `night ${night}`);
      }
      assert.deepEqual(contents(await site.restored({ metrics: 'sub.*', date: lost })), whole);
      await site.write(names(4, 'sub/'), 1);
      await site.night({ retention: 3 });
      assert.equal(await site.backups(), 4 + 4 * 3);
    });

    it('that loses 40 % each night: the guards stop the second purge, and all backups stay', async () => {
      await using site = await Site.create(kind);
      await site.write(names(60));
      await site.night();
      const whole = contents(await site.files());
      const said = [];
      let left = names(60);
      for (let night = 0; night < 6; night++) {
        const gone = left.slice(0, Math.floor(left.length * 0.4));
        await site.remove(gone);
        left = left.slice(gone.length);
        said.push(await site.night());
      }
      assert.deepEqual(said, ['went on', ...Array.from({ length: 5 }, () => 'TOO_MANY_GONE')]);
      // Nobody reads the logs: 24 are marked, and their time comes; but as many are still missing.
      for (let night = 0; night < 60; night++) assert.equal(await site.night(), 'TOO_MANY_GONE');
      assert.equal(await site.backups(), 60);
      assert.deepEqual(contents(await site.restored()), whole);
    });
  });
}
