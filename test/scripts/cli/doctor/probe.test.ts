import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { probeKey, tryProbe } from '../../../../scripts/cli/doctor/credentials.ts';
import { caseInsensitiveStore, changes, changingStore } from '../../../fixtures/changing-store.ts';
import { keysOf } from '../../../store/collect.ts';

const { signal } = new AbortController();

describe("the doctor's probe", () => {
  for (const [what, change] of Object.entries(changes)) {
    it(`finds that a store ${what}, and leaves nothing behind`, async () => {
      const store = changingStore(change);
      const { level, finding, remedy } = await tryProbe(store, probeKey(''), signal);
      assert.equal(level, 'bad');
      assert.match(finding, /but (lists|does not list)/);
      assert.match(remedy ?? '', /keeps names/);
      assert.deepEqual(await keysOf(store), []);
    });
  }

  it('finds that a store keeps the case of names but does not distinguish it', async () => {
    const store = caseInsensitiveStore();
    const { level, finding, remedy } = await tryProbe(store, probeKey('Some/Path/'), signal);
    assert.equal(level, 'bad');
    assert.match(finding, /differ only in case/);
    assert.match(remedy ?? '', /distinguishes/);
    assert.deepEqual(await keysOf(store), []);
  });

  it('is content with a store that keeps names', async () => {
    const store = changingStore((key) => key);
    assert.equal((await tryProbe(store, probeKey('some/path/'), signal)).level, 'ok');
    assert.deepEqual(await keysOf(store), []);
  });
});
