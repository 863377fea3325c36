import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boxTable, markdownTable, plainTable } from '../../lib/common/table.ts';

const rows = [
  ['web01', '7'],
  ['b', '1234'],
];

describe('A table', () => {
  it('has columns of equal width and no spaces at the end', () => {
    assert.deepEqual(plainTable(rows), ['web01  7', 'b      1234']);
    assert.deepEqual(plainTable(rows, [1]), ['web01     7', 'b      1234']);
    assert.deepEqual(plainTable([['a', ''], ['bb']]), ['a', 'bb']);
    assert.deepEqual(plainTable([]), []);
  });

  it('has three lines before the first row if it has borders', () => {
    assert.deepEqual(boxTable(['host', 'n'], rows, [1]), [
      '┌───────┬──────┐',
      '│ host  │    n │',
      '├───────┼──────┤',
      '│ web01 │    7 │',
      '│ b     │ 1234 │',
      '└───────┴──────┘',
    ]);
  });

  it('is padded in Markdown, with escaped bars', () => {
    const table = ['| host  |    n |', '| ----- | ---: |', '| web01 |    7 |', '| a\\|b  | 1234 |'].join('\n');
    assert.equal(
      markdownTable(
        ['host', 'n'],
        [
          ['web01', '7'],
          ['a|b', '1234'],
        ],
        [1],
      ),
      table,
    );
  });
});
