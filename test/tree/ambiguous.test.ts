import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sharesPythonName } from '../../lib/tree/presence.ts';
import { plantMetric } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';

/** Every way to write the dots of a name as slashes or dots. */
function spellings(name: string): string[] {
  const [first = '', ...rest] = name.split('.');
  return rest.reduce((paths, part) => paths.flatMap((path) => [`${path}/${part}`, `${path}.${part}`]), [first]);
}

describe('sharesPythonName', () => {
  it('finds a local file for every other spelling of the name', async () => {
    for (const spelling of spellings('a.b.c.d')) {
      await using scratch = await createScratch();
      await plantMetric(scratch.path, spelling);
      assert.equal(await sharesPythonName(scratch.path, 'a/b/c/d'), true, spelling);
    }
  });

  it('returns false if there is none', async () => {
    await using scratch = await createScratch();
    for (const path of ['a/b/x', 'a.b/x', 'a/b.x', 'a', 'a/b', 'ab/c', 'a/bc', 'x/a.b.c'])
      await plantMetric(scratch.path, path);
    assert.equal(await sharesPythonName(scratch.path, 'a/b/c'), false);
    assert.equal(await sharesPythonName(scratch.at('missing'), 'a/b/c'), false);
  });

  it('returns the same as trying every spelling, for random trees', async () => {
    const path = fc
      .array(fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('.', '/')), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.flat().slice(0, -1).join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(path, { maxLength: 5 }), path, async (paths, asked) => {
        await using scratch = await createScratch();
        for (const path of paths) await plantMetric(scratch.path, path);
        const plain = asked.replaceAll('.', '/');
        const expected = spellings(plain.replaceAll('/', '.')).some((path) => paths.includes(path));
        assert.equal(await sharesPythonName(scratch.path, plain), expected);
      }),
      { numRuns: 60 },
    );
  });

  it('handles names that no file can have', async () => {
    await using scratch = await createScratch();
    const long = Array.from({ length: 60 }, (_, i) => `part${i}`).join('/');
    assert.equal(await sharesPythonName(scratch.path, long), false);
  });
});
