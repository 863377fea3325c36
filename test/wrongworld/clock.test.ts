import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { casesOf } from '../fixtures/reliability.ts';
import { contents } from '../fixtures/tree.ts';
import { DAY, HOUR, names, Site } from './site.ts';

const it = casesOf('wrong-world');

for (const kind of ['memory', 'disk'] as const) {
  describe(`a wrong clock, with a bucket in ${kind === 'memory' ? 'memory' : 'a directory'}`, () => {
    it('set ahead by hours in one night: nothing is lost, and retention continues once time has caught up', async () => {
      await using site = await Site.create(kind);
      const said: string[] = [];
      const left: number[] = [];
      for (let night = 0; night < 6; night++) {
        site.skew = night === 1 ? 60 * HOUR : 0;
        await site.write(['a', 'b']);
        said.push(await site.night({ retention: 2 }));
        left.push(await site.backups());
        assert.deepEqual(contents(await site.restored()), contents(await site.files()), `night ${night}`);
      }
      // Night 1's backups are dated 2.5 days ahead of it; until then each new one follows by a second.
      assert.deepEqual(said, ['went on', 'CLOCK_OFF', 'BACKUP_AHEAD', 'BACKUP_AHEAD', 'went on', 'went on']);
      assert.deepEqual(left, [2, 4, 6, 8, 4, 4]);
    });

    it('set back by hours: a new backup still sorts last, and no old one is deleted', async () => {
      await using site = await Site.create(kind);
      const states = [];
      for (let run = 0; run < 5; run++) {
        await site.write(['a', 'b']);
        states.push(contents(await site.files()));
        const { stopped, counts } = await site.backUp({ retention: 3 });
        assert.deepEqual([stopped?.code, counts['stored']], [run === 0 ? undefined : 'CLOCK_OFF', 2]);
        site.skew -= 5 * HOUR;
      }
      // The newest backup is hours ahead of what the host takes for the time: retention rests as well.
      assert.equal(await site.backups(), 10);
      for (const [run, state] of states.entries()) {
        const date = new Date(Math.floor(site.time / 1000) * 1000 + run * 1000 + 1);
        assert.deepEqual(contents(await site.restored({ date })), state, `run ${run}`);
      }
      site.skew = 0;
      await site.backUp({ retention: 3 });
      assert.equal(await site.backups(), 6);
      assert.deepEqual(contents(await site.restored()), states.at(-1));
    });

    it('that stands still: each of five backups in one second can be restored', async () => {
      await using site = await Site.create(kind);
      const states = [];
      for (let run = 0; run < 5; run++) {
        await site.write(['a', 'b']);
        states.push(contents(await site.files()));
        site.time += 100;
        assert.equal((await site.backUp()).stopped, undefined);
      }
      assert.equal(await site.backups(), 10);
      for (const [run, state] of states.entries()) {
        const date = new Date(Math.floor(site.time / 1000) * 1000 + run * 1000 + 1);
        assert.deepEqual(contents(await site.restored({ date })), state, `run ${run}`);
      }
    });

    it('set ahead by months: neither tombstones nor kept backups become older', async () => {
      const after = async (skew: number): Promise<[said: string, left: number]> => {
        await using site = await Site.create(kind);
        const rules = { retention: 2, keepWithin: 30, purge: 45 };
        await site.write(['gone', 'shrunk', 'a']);
        await site.night(rules);
        await site.remove(['gone']);
        for (let night = 0; night < 6; night++) {
          await site.write(['shrunk'], 1);
          await site.write(['a']);
          assert.equal(await site.night(rules), 'went on');
        }
        site.skew = skew;
        return [await site.night(rules), await site.backups()];
      };
      assert.deepEqual(await after(0), ['went on', 15]);
      assert.deepEqual(await after(60 * DAY), ['CLOCK_OFF', 15]);
    });

    it('set back by months: nothing is deleted, and everything continues when it is corrected', async () => {
      await using site = await Site.create(kind);
      await site.write(names(4));
      await site.night();
      await site.remove(['m003']);
      await site.night();
      site.skew = -60 * DAY;
      for (let night = 0; night < 50; night++) assert.notEqual(await site.night(), 'went on');
      assert.equal(await site.backups(), 4);
      site.skew = 0;
      assert.equal(await site.night(), 'went on');
      assert.equal(await site.backups(), 3);
    });
  });
}
