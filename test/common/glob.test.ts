import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { $ } from 'zx/core';
import { globToRegExp, mayReach, selector } from '../../lib/common/glob.ts';
import { createScratch } from '../fixtures/scratch.ts';

/** Python's results for many globs and names, from one process. */
async function askPython(cases: readonly (readonly [string, readonly string[]])[]): Promise<boolean[][]> {
  await using scratch = await createScratch();
  await writeFile(scratch.at('cases'), cases.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const script = fileURLToPath(new URL('../oracle/globs.py', import.meta.url));
  const { stdout } = await $({ quiet: true })`/usr/bin/python3 -B ${script} ${scratch.at('cases')}`;
  const lines = stdout.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

const pieces = (text: string) => text.split(' ');
const globPiece = fc.constantFrom(
  ...pieces('* ** ? [ ] ! ^ - -- a b c z A 0 9 . \\ / | & ~ + $ ( ) { } # % é ～ 😀'),
  ...pieces('[abc] [!abc] [a-c] [c-a] [!c-a] [] [!] []a] [!]a] [a-] [-a] [a-c-z] [^a] [[] [😀-😂] [\\] [a\\-z]'),
  ...pieces('[--0] [+--] [!--] [a-a-a] [z-a-c] [!-a] []-a] [&&] [||] [~~] [a&&b]'),
  ...pieces('[z-a!b] [z-a!] [z-a!-b] [c-a!!] [!z-a!b]'),
  ' ',
  '\n',
);
const glob = fc.array(globPiece, { maxLength: 7 }).map((pieces) => pieces.join(''));
const namePiece = fc.constantFrom(
  ...pieces('a b c z A 0 9 . - ! ^ [ ] \\ / é ～ 😀 😁 % | & ~ + $ ( { # * ? ,'),
  ...[' ', '\n', '\r', '\u2028'],
);
const name = fc.array(namePiece, { maxLength: 5 }).map((pieces) => pieces.join(''));

describe('globToRegExp', () => {
  it("matches the same names as Python's fnmatch, for thousands of globs", async () => {
    const random = fc.sample(fc.tuple(glob, fc.array(name, { minLength: 12, maxLength: 12 })), 4000);
    const cases = random.map(([glob, names]): [string, string[]] => [glob, [...names, glob, '', 'abc.cpu.idle']]);
    const expected = await askPython(cases);
    let matches = 0;
    for (const [i, [glob, names]] of cases.entries()) {
      const compiled = globToRegExp(glob);
      const found = names.map((name) => compiled.test(name));
      assert.deepEqual(found, expected[i], `${JSON.stringify(glob)} on ${JSON.stringify(names)}`);
      matches += found.filter(Boolean).length;
    }
    assert.ok(matches > 1000, `only ${matches} matches: the names tell nothing`);
  });

  it('matches dots with *', () => {
    assert.ok(globToRegExp('servers.*.idle').test('servers.web01.cpu.idle'));
    assert.ok(!globToRegExp('servers.*').test('other.servers.x'));
  });

  it('matches the whole name, including line breaks', () => {
    assert.ok(!globToRegExp('cpu').test('cpu.idle'));
    assert.ok(!globToRegExp('cpu').test('cpu\n'));
    assert.ok(globToRegExp('a*b').test('a\n\u2028b'));
  });
});

describe('selector', () => {
  it('selects everything by default', () => {
    assert.ok(selector({})('any.metric'));
    assert.ok(selector({ metrics: '*' })(''));
  });

  it('selects metrics that match the glob and no exclusion', () => {
    const isSelected = selector({ metrics: 'servers.*', exclude: ['*.idle', 'servers.old.*'] });
    assert.ok(isSelected('servers.web01.cpu.user'));
    assert.ok(!isSelected('servers.web01.cpu.idle'));
    assert.ok(!isSelected('servers.old.cpu.user'));
    assert.ok(!isSelected('carbon.agents.x'));
  });

  it('returns the same result in later calls', () => {
    const isSelected = selector({ metrics: 'a*', exclude: ['ab*'] });
    for (let i = 0; i < 3; i++) assert.deepEqual(['a', 'ab', 'ac', 'b'].map(isSelected), [true, false, true, false]);
  });
});

describe('mayReach', () => {
  it('never returns false for a prefix of a selected metric', () => {
    const select = fc.record({ metrics: glob, exclude: fc.array(glob, { maxLength: 2 }) });
    fc.assert(
      fc.property(select, name, name, (select, prefix, rest) => {
        if (!mayReach(select)(prefix)) assert.ok(!selector(select)(prefix + rest));
      }),
      { numRuns: 3000 },
    );
  });

  it('returns false if no match can have the prefix, or an exclusion covers all of them', () => {
    assert.ok(!mayReach({ metrics: 'servers.*' })('carbon.'));
    assert.ok(mayReach({ metrics: 'servers.web01.*' })('servers.'));
    assert.ok(mayReach({ metrics: 'servers.*' })('servers.web01.'));
    assert.ok(!mayReach({ exclude: ['carbon.*'] })('carbon.agents.'));
    assert.ok(mayReach({ exclude: ['carbon.*.x'] })('carbon.agents.'));
    assert.ok(!mayReach({ exclude: ['carbon'] })('carbon.agents.'));
    assert.ok(!mayReach({ exclude: ['carbon.agents'] })('carbon.agents.'));
    assert.ok(mayReach({ exclude: ['carbon.agents'] })('carbon.'));
    assert.ok(mayReach({ exclude: ['carbon.agents'] })('carbon.agents2.'));
    assert.ok(mayReach({})('any.'));
  });
});
