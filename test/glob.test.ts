import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { globToRegExp, selector } from '../lib/glob.ts';

/** What Python says of many globs and names, asked in one process. */
function askPython(cases: readonly (readonly [string, readonly string[]])[]): boolean[][] {
  const script = fileURLToPath(new URL('./oracle/globs.py', import.meta.url));
  const input = cases.map((one) => `${JSON.stringify(one)}\n`).join('');
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-B', script], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const globPiece = fc.constantFrom(
  ...[
    '*',
    '**',
    '?',
    '[',
    ']',
    '!',
    '^',
    '-',
    '--',
    'a',
    'b',
    'c',
    'z',
    'A',
    '0',
    '9',
    '.',
    '\\',
    '/',
    ' ',
    '|',
    '&',
    '~',
  ],
  ...[
    '[abc]',
    '[!abc]',
    '[a-c]',
    '[c-a]',
    '[!c-a]',
    '[]',
    '[!]',
    '[]a]',
    '[!]a]',
    '[a-]',
    '[-a]',
    '[a-c-z]',
    '[^a]',
    '[[]',
  ],
  ...[
    '+',
    '$',
    '(',
    ')',
    '{',
    '}',
    '#',
    '\n',
    'é',
    '～',
    '😀',
    '[😀-😂]',
    '%',
    '[\\]',
    '[a\\-z]',
    '[--0]',
    '[+--]',
    '[!--]',
  ],
);
const glob = fc.array(globPiece, { maxLength: 7 }).map((pieces) => pieces.join(''));
const namePiece = fc.constantFrom(
  ...[
    'a',
    'b',
    'c',
    'z',
    'A',
    '0',
    '9',
    '.',
    '-',
    '!',
    '^',
    '[',
    ']',
    '\\',
    '/',
    ' ',
    '\n',
    'é',
    '～',
    '😀',
    '😁',
    '%',
  ],
  ...['|', '&', '~', '+', '$', '(', '{', '#', '*', '?', ',', '\r', '\u2028'],
);
const name = fc.array(namePiece, { maxLength: 5 }).map((pieces) => pieces.join(''));

describe('globToRegExp', () => {
  it("matches what Python's fnmatch matches, over thousands of globs", () => {
    const random = fc.sample(fc.tuple(glob, fc.array(name, { minLength: 12, maxLength: 12 })), 4000);
    const cases = random.map(([glob, names]): [string, string[]] => [glob, [...names, glob, '', 'abc.cpu.idle']]);
    const expected = askPython(cases);
    let matches = 0;
    for (const [i, [glob, names]] of cases.entries()) {
      const compiled = globToRegExp(glob);
      const found = names.map((name) => compiled.test(name));
      assert.deepEqual(found, expected[i], `${JSON.stringify(glob)} on ${JSON.stringify(names)}`);
      matches += found.filter(Boolean).length;
    }
    assert.ok(matches > 1000, `only ${matches} matches: the names tell nothing`);
  });

  it('lets a star cross dots', () => {
    assert.ok(globToRegExp('servers.*.idle').test('servers.web01.cpu.idle'));
    assert.ok(!globToRegExp('servers.*').test('other.servers.x'));
  });

  it('matches the whole name, line breaks included', () => {
    assert.ok(!globToRegExp('cpu').test('cpu.idle'));
    assert.ok(!globToRegExp('cpu').test('cpu\n'));
    assert.ok(globToRegExp('a*b').test('a\n\u2028b'));
  });
});

describe('selector', () => {
  it('takes everything unless told otherwise', () => {
    assert.ok(selector({})('any.metric'));
    assert.ok(selector({ metrics: '*' })(''));
  });

  it('takes what the glob matches and no exclusion does', () => {
    const isSelected = selector({ metrics: 'servers.*', exclude: ['*.idle', 'servers.old.*'] });
    assert.ok(isSelected('servers.web01.cpu.user'));
    assert.ok(!isSelected('servers.web01.cpu.idle'));
    assert.ok(!isSelected('servers.old.cpu.user'));
    assert.ok(!isSelected('carbon.agents.x'));
  });

  it('answers the same when asked again', () => {
    const isSelected = selector({ metrics: 'a*', exclude: ['ab*'] });
    for (let i = 0; i < 3; i++) assert.deepEqual(['a', 'ab', 'ac', 'b'].map(isSelected), [true, false, true, false]);
  });
});
