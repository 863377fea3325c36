import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf } from '../../lib/common/errors.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { type ArchiveSpec, validateArchiveList } from '../../lib/whisper/schema.ts';

function list(...archives: [number, number][]): ArchiveSpec[] {
  return archives.map(([secondsPerPoint, points]) => ({ secondsPerPoint, points }));
}

function refuses(archives: ArchiveSpec[], message: RegExp): void {
  assert.throws(
    () => validateArchiveList(archives),
    (error: unknown) =>
      codeOf(error) === 'WHISPER_INVALID_SCHEMA' && error instanceof Error && message.test(error.message),
  );
}

describe('validateArchiveList', () => {
  it('sorts archives finest first, and does not change its argument', () => {
    const given = list([300, 24], [60, 60]);
    assert.deepEqual(validateArchiveList(given), list([60, 60], [300, 24]));
    assert.deepEqual(given, list([300, 24], [60, 60]));
  });

  it('rejects what Whisper rejects', () => {
    refuses([], /at least one/);
    refuses(list([60, 60], [60, 61]), /same step: 60:60 and 60:61/);
    refuses(list([60, 60], [90, 60]), /multiple/);
    refuses(list([60, 60], [300, 12]), /must be longer/);
    refuses(list([60, 4], [300, 12]), /at least 5 points/);
  });

  it('rejects steps and numbers of points that do not fit into a header', () => {
    refuses(list([0, 60]), /got 0:60/);
    refuses(list([60, 0]), /got 60:0/);
    refuses(list([-60, 60]), /integers/);
    refuses(list([1.5, 60]), /integers/);
    refuses(list([Number.NaN, 60]), /integers/);
    refuses(list([65536, 65536]), /integers/);
  });

  it('rejects a file over 2 GiB before allocating it', () => {
    refuses(list([1, 4_000_000_000]), /the limit is 2147483648/);
  });
});

describe('createWhisper', () => {
  it('uses average and an xFilesFactor of 0.5 by default', () => {
    const { aggregation, xFilesFactor } = parseHeader(createWhisper(list([60, 60])));
    assert.deepEqual({ aggregation, xFilesFactor }, { aggregation: 'average', xFilesFactor: 0.5 });
  });

  it('rejects an xFilesFactor that is not 0 to 1', () => {
    for (const xFilesFactor of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => createWhisper(list([60, 60]), { xFilesFactor }), /must be 0 to 1/);
    }
  });
});
