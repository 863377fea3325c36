import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PythonPattern } from '../../lib/carbon/pattern.ts';
import { reasonOf } from '../../lib/common/errors.ts';
import { RUNS, SEED, SEEDED } from '../fixtures/seed.ts';
import { searchWithPython } from './python-config.ts';

const NAMES = [
  'a',
  'abc',
  'servers.web01.cpu.idle',
  'carbon.agents.host-a.metricsReceived',
  'stats.counters.login_ok.count',
  'name;tag=value',
  'A.B',
  'aaa',
  'b.a',
  'x y',
  '{a}',
  'a-b_c',
  '1.2.3',
  '\x1f\v',
];

/** Pieces of patterns; most random sequences of them are valid. */
const PIECES =
  'a b c . \\. ^ $ * + ? *? +? {2} {,2} {1,} {1,2} {2,1} { } {} {,} [ab] [^a-c] []a] [^]a] [a\\d.] [\\w-] [\\S] [\\b] [[:alpha:]] [a-z] [z-a] [\\141] ( ) | (?: (?i) (?i: (?m) (?s) (?x) (?a) (?-i: (?i-s: (?P<n> (?P<m> (?P=n) (?<=a) (?!a) (?=b) (?>a) (?#c) \\d \\D \\w \\W \\s \\S \\b \\B \\A \\Z \\z \\x61 \\u0061 \\141 \\0 \\1 \\p \\- \\_ \\; \\N \\C \\Q - [ ] cpu web0 web\\d+ ++ ?? (a|b) (?:a*)* (a+)+ x'.split(
    ' ',
  );

function compile(pattern: string): PythonPattern | string {
  try {
    return new PythonPattern(pattern);
  } catch (error) {
    return reasonOf(error);
  }
}

describe('a pattern of Python', () => {
  it('of the examples in the documentation of Graphite finds what Python finds', () => {
    const patterns = [
      '^carbon\\.',
      '.*',
      '^stats.*',
      '\\.count$',
      '\\.(min|lower(_\\d+)?)$',
      '^servers\\.(www.+|web\\d{1,3}|db[01]2?)\\.',
      '^[^.]*\\.web0[1-5]\\..*(?:cpu|mem)\\..+$',
      '(?i)^SERVERS',
      'name;(?P<tag>tag)=',
    ];
    const python = searchWithPython(patterns, NAMES);
    for (const [i, pattern] of patterns.entries()) {
      const regex = new PythonPattern(pattern);
      assert.deepEqual(
        NAMES.map((name) => regex.matches(name)),
        python[i],
        pattern,
      );
    }
  });

  it(`finds what Python finds, or is refused: random patterns (${SEEDED})`, () => {
    const pattern = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
    const patterns = [...new Set(fc.sample(pattern, { seed: SEED, numRuns: Math.ceil(4000 * RUNS) }))];
    const python = searchWithPython(patterns, NAMES);
    let same = 0;
    for (const [i, pattern] of patterns.entries()) {
      const expected = python[i];
      const regex = compile(pattern);
      if (typeof regex === 'string') {
        if (typeof expected !== 'string')
          assert.match(regex, /linear-time engine cannot express|not supported here/, `${pattern}: ${regex}`);
        continue;
      }
      assert.deepEqual(
        NAMES.map((name) => regex.matches(name)),
        expected,
        pattern,
      );
      same++;
    }
    assert.ok(same > patterns.length / 10, `${same} of ${patterns.length} were compared`);
  });

  it('that needs a search which is not linear is refused by name', () => {
    for (const [pattern, message] of [
      ['^(?!carbon)', /has look-around, which a linear-time engine cannot express/],
      ['(?<=a)b', /look-around/],
      ['(a)\\1', /a reference to a group/],
      ['(?P<n>a)(?P=n)', /a reference to a group/],
      ['(a)?(?(1)b)', /a condition on a group/],
      ['(?>a)', /an atomic group/],
      ['a++', /a possessive repetition/],
      ['(?x)a', /the flag \(\?x\)/],
    ] as const)
      assert.throws(() => new PythonPattern(pattern), { code: 'INVALID_OPTION', message }, pattern);
  });

  it('takes a time that grows with the length of the name only', () => {
    const evil = new PythonPattern('^(a+)+$');
    assert.equal(evil.matches(`${'a'.repeat(50_000)}b`), false);
    assert.equal(evil.matches('a'.repeat(50_000)), true);
  });

  it('is not guessed for names where Python may differ', () => {
    assert.equal(new PythonPattern('^é').matches('é.x'), true);
    assert.throws(() => new PythonPattern('^\\w').matches('é.x'), { message: /Python may match otherwise/ });
    assert.throws(() => new PythonPattern('x$').matches('x\n'), { message: /Python may match otherwise/ });
  });
});
