import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseRename, Renaming } from '../../lib/bucket/rename.ts';
import { SEEDED, seeded } from '../fixtures/seed.ts';

function renaming(...rules: readonly string[]): Renaming {
  return new Renaming(rules.map((text) => parseRename(text) ?? assert.fail(text)));
}

describe('a renaming', () => {
  it('renames a metric and all below it, by whole names', () => {
    const names = renaming('a.b=x');
    const found = ['a.b', 'a.b.c', 'a.bc', 'a', 'z.a.b'].map((metric) => names.targetOf(metric));
    assert.deepEqual(found, ['x', 'x.c', 'a.bc', 'a', 'z.a.b']);
  });

  it('takes the most specific rule, whatever their order', () => {
    for (const rules of [
      ['a=x', 'a.b=y.z'],
      ['a.b=y.z', 'a=x'],
    ]) {
      const names = renaming(...rules);
      assert.deepEqual([names.targetOf('a.b.c'), names.targetOf('a.c')], ['y.z.c', 'x.c']);
    }
  });

  it('leaves a dot inside a name alone', () => {
    assert.equal(renaming('a%2Eb=c').targetOf('a%2Eb.d'), 'c.d');
    assert.equal(renaming('a=c').targetOf('a%2Eb.d'), 'a%2Eb.d');
  });

  it('refuses names that are not those of metrics, and two new names for one metric', () => {
    for (const name of ['.a', 'a.', 'a..b', 'a/b', '%2E%2E', 'a.%2E'])
      for (const rule of [`${name}=x`, `x=${name}`])
        assert.throws(() => renaming(rule), { code: 'INVALID_OPTION' }, rule);
    assert.throws(() => renaming('a=b', 'a=c'), /Cannot rename a to both b and c/);
    assert.equal(renaming('a=b', 'a=b').targetOf('a'), 'b');
  });

  it('is written OLD=NEW, or with a tab if a name has a =', () => {
    assert.deepEqual(parseRename('a=b'), { from: 'a', to: 'b' });
    assert.deepEqual(parseRename('t;k=v\tt;k=w'), { from: 't;k=v', to: 't;k=w' });
    for (const text of ['', 'a', '=', 'a=', '=b', 'a=b=c', 'a\tb\tc']) assert.equal(parseRename(text), undefined, text);
  });

  it(`finds every metric that gets a name: the one that keeps it first (${SEEDED})`, () => {
    const name = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join('.'));
    const rules = fc.uniqueArray(fc.record({ from: name, to: name }), { selector: ({ from }) => from, maxLength: 4 });
    fc.assert(
      fc.property(rules, fc.array(name, { minLength: 1 }), (list, metrics) => {
        const names = new Renaming(list);
        for (const metric of metrics) {
          const target = names.targetOf(metric);
          const sources = names.sourcesOf(target);
          assert.ok(sources.includes(metric));
          assert.equal(new Set(sources).size, sources.length);
          for (const source of sources) assert.equal(names.targetOf(source), target);
          if (sources.includes(target)) assert.equal(sources[0], target);
        }
      }),
      seeded(300),
    );
  });
});
