import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { AggregationMethod } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { reshape } from '../../lib/whisper/reshape.ts';
import { update } from '../../lib/whisper/update.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { modelOf } from './fill-model.ts';
import { findUnjustified, type Unjustified } from './justified.ts';

const NOW = 1_700_000_100;

type Archives = readonly (readonly [secondsPerPoint: number, points: number])[];

function specs(archives: Archives) {
  return archives.map(([secondsPerPoint, points]) => ({ secondsPerPoint, points }));
}

/** A file as carbon writes it, one point after the other. */
function written(archives: Archives, aggregation: AggregationMethod, has: (timestamp: number) => boolean): Uint8Array {
  const bytes = createWhisper(specs(archives), { aggregation, xFilesFactor: 0 });
  const step = archives[0]?.[0] ?? 1;
  const reach = Math.max(...archives.map(([seconds, points]) => seconds * points));
  for (let timestamp = NOW - (NOW % step) - reach; timestamp <= NOW; timestamp += step)
    if (has(timestamp)) update(bytes, { timestamp, value: 1, now: timestamp });
  return bytes;
}

interface Resized {
  /** What Debian's whisper-resize makes of the file, at the same time. */
  readonly python: Uint8Array;
  readonly ours: Uint8Array;
}

const RESIZE = `
import runpy, sys, time
time.time = lambda: ${NOW}
sys.argv[0] = '/usr/bin/whisper-resize'
runpy.run_path('/usr/bin/whisper-resize', run_name='__main__')
`;

async function resize(old: Uint8Array, archives: Archives): Promise<Resized> {
  await using scratch = await createScratch();
  await writeFile(scratch.at('m.wsp'), old);
  const list = archives.map((archive) => archive.join(':'));
  sh`/usr/bin/python3 -B -W ignore -c ${RESIZE} --nobackup ${scratch.at('m.wsp')} ${list}`;
  const ours = reshape({ archives: specs(archives) }, [old], NOW).bytes;
  return { python: await readFile(scratch.at('m.wsp')), ours };
}

function invented(made: Uint8Array, old: Uint8Array): Unjustified[] {
  return findUnjustified(made, [old]);
}

function values(bytes: Uint8Array, level: number): Map<number, number> {
  return modelOf(bytes).archives[level]?.points ?? new Map();
}

describe('where whisper-resize is wrong', () => {
  it('a sum of five minutes does not become the value of one minute that has no point (graphite-project/whisper 249)', async () => {
    // No point in the first minute of every five.
    const old = written(
      [
        [60, 120],
        [300, 288],
      ],
      'sum',
      (timestamp) => timestamp % 300 !== 0,
    );
    const { python, ours } = await resize(old, [
      [60, 180],
      [300, 288],
    ]);
    assert.deepEqual([...new Set(values(old, 0).values())], [1]);
    assert.deepEqual([...new Set(values(ours, 0).values())], [1]);
    assert.deepEqual(invented(ours, old), []);
    assert.ok(
      [...values(python, 0).values()].some((value) => value === 4),
      'whisper-resize writes the sum into the minute',
    );
    assert.ok(invented(python, old).length > 10);
  });

  it('values of a coarser archive do not fill the longer finer one, and no sum grows from them', async () => {
    const old = written(
      [
        [60, 60],
        [300, 288],
      ],
      'sum',
      () => true,
    );
    const { python, ours } = await resize(old, [
      [60, 600],
      [300, 288],
    ]);
    assert.equal(values(ours, 0).size, 60);
    assert.ok(values(python, 0).size > 60, 'whisper-resize puts a five-minute sum into a minute');
    assert.deepEqual(invented(ours, old), []);
    assert.ok(invented(python, old).length > 50);
  });

  it('the coarser archive gets no holes and keeps its values (graphite-project/whisper 121)', async () => {
    const old = written(
      [
        [60, 60],
        [900, 96],
      ],
      'sum',
      () => true,
    );
    const { python, ours } = await resize(old, [
      [60, 30],
      [900, 96],
    ]);
    const [before, after] = [values(old, 1), values(ours, 1)];
    for (const [timestamp, value] of after) assert.equal(value, before.get(timestamp));
    assert.equal(after.size, before.size);
    const changed = [...values(python, 1)].filter(([timestamp, value]) => value !== before.get(timestamp));
    assert.ok(changed.length > 0, 'whisper-resize aggregates from the finer points that still fit');
  });
});
