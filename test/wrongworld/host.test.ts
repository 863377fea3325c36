import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { describe } from 'node:test';
import { machine } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { contents } from '../fixtures/tree.ts';
import { names, Site } from './site.ts';

const it = casesOf('wrong-world');

const stranger = { id: 'another', host: 'web02' };

for (const kind of ['memory', 'disk'] as const) {
  describe(`a wrong host, with a bucket in ${kind === 'memory' ? 'memory' : 'a directory'}`, () => {
    /** Another tree takes the place of the host's own. */
    async function exchange(site: Site, away: string, back: string): Promise<void> {
      await rename(site.prefix, site.aside(away));
      await rename(site.aside(back), site.prefix);
    }

    async function twoHosts(): Promise<Site> {
      const site = await Site.create(kind);
      await site.write(names(30, 'theirs/'));
      await rename(site.prefix, site.aside('theirs'));
      await site.write(names(30, 'ours/'));
      return site;
    }

    it('shares the bucket by mistake: it is rejected each night, and the right host is not affected', async () => {
      await using site = await twoHosts();
      for (let night = 0; night < 3; night++) {
        await site.write(['ours/m000']);
        assert.equal(await site.night({ retention: 2 }), 'went on');
        await exchange(site, 'ours', 'theirs');
        const refused = site.backUp({ machine: stranger, retention: 1, purge: 0, force: true });
        await assert.rejects(refused, { code: 'FOREIGN_BUCKET' });
        await exchange(site, 'theirs', 'ours');
        assert.equal(await site.backups(), Math.min(31, 30 + night));
      }
      assert.deepEqual(contents(await site.restored()), contents(await site.files()));
    });

    it('takes over the bucket by mistake: it stores its own files, and the guards keep the backups of the other', async () => {
      await using site = await twoHosts();
      await site.night();
      const ours = contents(await site.files());
      await exchange(site, 'ours', 'theirs');
      site.machine = stranger;
      assert.equal(await site.night({ adopt: true, purge: 0 }), 'TOO_MANY_DUE');
      for (let night = 0; night < 60; night++) {
        // By then the bucket holds as many metrics of its own: the other's are half of all, and no more.
        const said = await site.night({ purgeShare: 49 });
        assert.equal(said, 'TOO_MANY_GONE');
      }
      assert.deepEqual(contents(await site.restored({ metrics: 'ours.*' })), ours);
      await exchange(site, 'theirs', 'ours');
      site.machine = machine;
      await assert.rejects(site.backUp(), { code: 'FOREIGN_BUCKET' });
      const { counts } = await site.backUp({ adopt: true });
      assert.deepEqual([counts['stored'], counts['unchanged']], [0, 30]);
      assert.equal(await site.backups(), 60);
    });

    it('takes over the bucket of a lost host: it restores everything, and continues its backups', async () => {
      await using site = await Site.create(kind);
      for (let night = 0; night < 3; night++) {
        await site.write(names(30));
        await site.night();
      }
      const lost = contents(await site.files());
      await rename(site.prefix, site.aside('lost'));
      await site.restoreHere();
      assert.deepEqual(contents(await site.files()), lost);
      site.machine = stranger;
      await assert.rejects(site.backUp(), { code: 'FOREIGN_BUCKET' });
      const { counts, stopped } = await site.backUp({ adopt: true });
      assert.deepEqual([counts['stored'], counts['unchanged'], stopped], [0, 30, undefined]);
      assert.equal(await site.backups(), 90);
    });
  });
}
