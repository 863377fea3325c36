import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseStorageAggregation } from '../../lib/carbon/storage-aggregation.ts';
import { parseStorageSchemas } from '../../lib/carbon/storage-schemas.ts';
import { reasonOf } from '../../lib/common/errors.ts';
import { RUNS, SEED, SEEDED } from '../fixtures/seed.ts';
import { type CarbonInput, readWithCarbon } from './python-config.ts';

const NAMES = ['carbon.agents.a.cpu', 'servers.web01.cpu', 'stats.count', 'x'];

/** What our parsers make of a file, in the form of {@link readWithCarbon}. */
function read({ schemas, aggregations }: CarbonInput) {
  try {
    if (schemas !== undefined) {
      const rules = parseStorageSchemas(schemas, () => {});
      return NAMES.map((name) => rules.find(name).map(({ secondsPerPoint, points }) => [secondsPerPoint, points]));
    }
    const rules = parseStorageAggregation(aggregations ?? '', () => {});
    return NAMES.map((name) => [rules.find(name).xFilesFactor, rules.find(name).aggregation]);
  } catch (error) {
    return reasonOf(error);
  }
}

/** Whisper's defaults instead of Python's None. */
function filled(carbon: readonly unknown[]): unknown[] {
  return carbon.map((value) =>
    Array.isArray(value) && !Array.isArray(value[0]) ? [value[0] ?? 0.5, value[1] ?? 'average'] : value,
  );
}

function compare(inputs: readonly CarbonInput[]): { readonly same: number; readonly refused: number } {
  const carbon = readWithCarbon(inputs.map((input) => ({ ...input, names: NAMES })));
  let same = 0;
  let refused = 0;
  for (const [i, input] of inputs.entries()) {
    const text = input.schemas ?? input.aggregations;
    const expected = carbon[i]?.schemas ?? carbon[i]?.aggregations;
    const found = read(input);
    if (typeof found === 'string') {
      refused++;
      if (typeof expected !== 'string')
        assert.match(found, /not supported here|at least one point/, `${text}\n${found}`);
      continue;
    }
    assert.ok(typeof expected === 'object', `${text}\n${expected}`);
    assert.deepEqual(found, filled(expected), text);
    same++;
  }
  return { same, refused };
}

const LINES = [
  '[carbon]',
  '[servers]',
  '[ spaced ]',
  '[DEFAULT]',
  '[a] ; text',
  '[a]b]',
  '[',
  '[]',
  'pattern = ^carbon\\.',
  'pattern = ^servers\\.web\\d+\\.',
  'PATTERN: count$',
  'pattern =',
  'pattern = .*',
  'pattern = 100%',
  'pattern = %%x|cpu',
  'pattern = %(name)s',
  '  |x',
  '    [inner]',
  '',
  '# comment',
  '  ; comment',
  'pattern',
  '= x',
];
const SCHEMAS = [
  'retentions = 60:1440',
  'retentions = 10s:6h,1m:7d,10m:5y',
  'retentions = 10s:6h,10min:5y',
  'retentions = 7s:1d',
  'Retentions : 1m:30d , 15m:5y',
  'retentions = 60s:1d,60s:2d',
  'retentions = 10s:6h,15s:7d',
  'retentions = 1h:1d,1m:1h',
  'retentions = 1m',
  'retentions = 1x:1d',
  'retentions = 1m:1d:2',
  'retentions = 0:5',
  'retentions = 60:',
  'retentions =',
  '  ,1h:1y',
];
const AGGREGATIONS = [
  'xFilesFactor = 0.1',
  'xfilesfactor = 1e-1',
  'xFilesFactor = 2',
  'xFilesFactor = nan',
  'xFilesFactor = many',
  'xFilesFactor = .5',
  'xFilesFactor = 0_1',
  'xFilesFactor =',
  'aggregationMethod = sum',
  'aggregationMethod = absmax',
  'aggregationMethod = mean',
  'AggregationMethod : max',
];

describe("carbon's files", () => {
  it('storage-schemas.conf and storage-aggregation.conf of Debian and of the documentation are read as carbon reads them', () => {
    const schemas = [
      '# Schema definitions for Whisper files.\n\n[carbon]\npattern = ^carbon\\.\nretentions = 60:90d\n\n[default_1min_for_1day]\npattern = .*\nretentions = 60s:1d\n',
      '[garbage_collection]\npattern = garbageCollections$\nretentions = 10s:14d\n',
      '[folder]\r\npattern = ^servers\\.(www|\r\n  web).*\\.cpu$\r\nretentions = 15s:7d,\r\n 1m:21d,\r\n 15m:5y\r\n',
      '[two]\npattern = ^x\nretentions = 60:10,60:20\n[three]\npattern = ^x\nretentions = 1h:1y\n',
    ];
    const aggregations = [
      '[min]\npattern = \\.lower$\nxFilesFactor = 0.1\naggregationMethod = min\n\n[count]\npattern = \\.count$\nxFilesFactor = 0\naggregationMethod = sum\n\n[default_average]\npattern = .*\nxFilesFactor = 0.3\naggregationMethod = average\n',
      '[only_method]\npattern = x\naggregationMethod = last\n',
    ];
    const inputs = [
      ...schemas.map((text) => ({ schemas: text })),
      ...aggregations.map((text) => ({ aggregations: text })),
    ];
    assert.deepEqual(compare(inputs), { same: inputs.length, refused: 0 });
  });

  it(`are read as carbon reads them, or refused: random files (${SEEDED})`, () => {
    const section = (own: readonly string[]) =>
      fc
        .tuple(
          fc.constantFrom('[carbon]', '[servers]', '[x]'),
          fc.constantFrom('pattern = ^carbon\\.', 'pattern = cpu$', 'pattern = .*'),
          fc.constantFrom(...own),
        )
        .map((lines) => lines.join('\n'));
    const files = (own: readonly string[], seed: number) =>
      fc.sample(
        fc
          .array(fc.oneof({ arbitrary: section(own), weight: 2 }, fc.constantFrom(...LINES, ...own)), { maxLength: 5 })
          .map((lines) => lines.join('\n')),
        { seed, numRuns: Math.ceil(1500 * RUNS) },
      );
    const inputs = [
      ...files(SCHEMAS, SEED).map((schemas) => ({ schemas })),
      ...files(AGGREGATIONS, SEED + 1).map((aggregations) => ({ aggregations })),
    ];
    const { same, refused } = compare(inputs);
    assert.ok(same > 200 && refused > 200, `${same} read, ${refused} refused`);
  });

  it('name the sections that carbon skips, and say why', () => {
    const skipped: string[] = [];
    const note = (section: string, reason: string) => skipped.push(`${section}: ${reason}`);
    parseStorageSchemas(
      '[a] ; x\n[b]\nretentions=1m:1d\n[c]\npattern=x\n[d]\npattern=x\nretentions=60:10,60:20\n',
      note,
    );
    parseStorageAggregation('[e]\npattern=x\nxfilesfactor=some\n', note);
    assert.deepEqual(skipped, [
      'a: carbon ignores a section with text behind its name',
      'b: it has no pattern, so carbon skips it',
      'c: it has no retentions, so carbon skips it',
      'd: carbon skips it: Not a valid Whisper schema: two archives have the same step: 60:10 and 60:20',
      'e: its xFilesFactor is "some", so carbon skips it',
    ]);
  });

  it('name the section and the pattern that are not supported', () => {
    assert.throws(() => parseStorageSchemas('[no_carbon]\npattern = ^(?!carbon)\nretentions = 1m:1d\n', () => {}), {
      code: 'INVALID_OPTION',
      message:
        /^\[no_carbon\]: the pattern "\^\(\?!carbon\)" has look-around, which a linear-time engine cannot express/,
    });
  });
});
