import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { newSchemas, type SchemaOf } from '../../lib/carbon/new-schemas.ts';
import { parseRetentions } from '../../lib/carbon/retentions.ts';
import { parseStorageAggregation } from '../../lib/carbon/storage-aggregation.ts';
import { parseStorageSchemas } from '../../lib/carbon/storage-schemas.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { Bucket, NOW } from '../fixtures/bucket.ts';
import { at, fileUntil, putRun } from '../fixtures/journal-run.ts';
import { plantMetric } from '../fixtures/metric.ts';
import { backUp, machine, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { modelOf } from '../whisper/fill-model.ts';
import { findUnjustified } from '../whisper/justified.ts';

const NOON = NOW.getTime() / 1000;

function retentions(text: string): SchemaOf {
  return newSchemas(parseRetentions(text));
}

/** Steps, points, method and xFilesFactor of a file. */
function schemaIn(bytes: Uint8Array): [string, string, number] {
  const { archives, aggregation, xFilesFactor } = parseHeader(bytes);
  const list = archives.map(({ secondsPerPoint, points }) => `${secondsPerPoint}:${points}`).join();
  return [list, aggregation, Math.round(xFilesFactor * 1000) / 1000];
}

/** A file with one point a minute in the hour before noon, and a value of its own for each. */
function hourly(value: number, known = 60): Uint8Array {
  const bytes = createWhisper([{ secondsPerPoint: 60, points: 120 }], { aggregation: 'max', xFilesFactor: 0.1 });
  const points = Array.from({ length: known }, (_, i) => ({ timestamp: NOON - i * 60, value: value + i }));
  updateMany(bytes, points, { now: NOON });
  return bytes;
}

describe('restore with a new schema', () => {
  it('gives each new file what carbon would give it, and fills it from the backup and the journal', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['stats/hits', 'servers/cpu']) await bucket.backup(path, at(10), fileUntil(10));
    await putRun(bucket, at(41), [[['stats.hits', 9, 41]]]);
    const text = '[stats]\npattern = ^stats\\.\nretentions = 60:30,10m:2d\n[rest]\npattern = .*\nretentions = 5m:7d\n';
    const methods = '[hits]\npattern = hits$\naggregationMethod = sum\nxFilesFactor = 0.2\n';
    const note = () => {};
    const summary = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      schemaOf: newSchemas(parseStorageSchemas(text, note), parseStorageAggregation(methods, note)),
    });
    assert.deepEqual([summary.counts.restored, summary.counts.reshaped, summary.counts.failed], [2, 2, 0]);
    const hits = await readFile(scratch.at('tree', 'stats/hits.wsp'));
    assert.deepEqual(schemaIn(hits), ['60:30,600:288', 'sum', 0.2]);
    assert.deepEqual(schemaIn(await readFile(scratch.at('tree', 'servers/cpu.wsp'))), ['300:2016', 'average', 0.5]);
    assert.deepEqual(findUnjustified(hits, [fileUntil(41)]), []);
    // The ten minutes from 11:30 on are 31 to 40.
    assert.equal(modelOf(hits).archives[1]?.points.get(NOON - 1800), 355);
    assert.equal(modelOf(hits).archives[0]?.points.size, 10);
  });

  it('keeps method and xFilesFactor of the backup without rules for them, and leaves equal files bit for bit', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', at(59), hourly(1));
    await bucket.backup('b', at(59), hourly(2));
    const rules = '[a]\npattern = ^a\nretentions = 60:30,5m:1d\n[b]\npattern = .*\nretentions = 60:120\n';
    const { counts } = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      schemaOf: newSchemas(
        parseStorageSchemas(rules, () => {}),
        undefined,
      ),
    });
    assert.deepEqual([counts.restored, counts.reshaped], [2, 1]);
    assert.deepEqual(schemaIn(await readFile(scratch.at('tree', 'a.wsp'))), ['60:30,300:288', 'max', 0.1]);
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('tree', 'b.wsp'))), hourly(2));
  });

  it('gives an existing file the schema too: its points stay, the backup fills the gaps, a second run changes nothing', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(59), hourly(1000));
    const local = hourly(1, 20);
    await plantMetric(scratch.at('tree'), 'm', local);
    const options = { now: bucket.now, schemaOf: retentions('60:30,5m:1d') };
    const dry = await restoreTree(bucket.store, scratch.at('tree'), { ...options, dryRun: true });
    assert.deepEqual([dry.counts.restored, dry.counts.reshaped], [1, 1]);
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('tree', 'm.wsp'))), local);
    const { counts } = await restoreTree(bucket.store, scratch.at('tree'), options);
    assert.deepEqual([counts.restored, counts.reshaped, counts.failed], [1, 1, 0]);
    const made = await readFile(scratch.at('tree', 'm.wsp'));
    assert.deepEqual(schemaIn(made), ['60:30,300:288', 'max', 0.1]);
    const finest = modelOf(made).archives[0]?.points;
    const values = Array.from({ length: 30 }, (_, i) => finest?.get(NOON - i * 60));
    assert.deepEqual(
      values,
      values.map((_, i) => (i < 20 ? 1 + i : 1000 + i)),
    );
    const again = await restoreTree(bucket.store, scratch.at('tree'), options);
    assert.deepEqual([again.counts.unchanged, again.counts.reshaped], [1, undefined]);
    assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), made);
    assert.deepEqual([...(await readTree(scratch.at('tree'))).keys()], ['m.wsp']);
  });

  it('stores existing files first, under a hold, but not those that have the schema already', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    bucket.time = at(50);
    const now = bucket.now;
    for (const path of ['long', 'short']) await plantMetric(scratch.at('tree'), path, hourly(1, 20));
    await backUp(bucket.store, scratch.at('tree'), { now });
    bucket.time = at(59);
    await plantMetric(scratch.at('tree'), 'long', hourly(1, 40));
    await plantMetric(scratch.at('tree'), 'short', createWhisper(parseRetentions('60:10')));
    const options = { now, machine, schemaOf: retentions('60:10') };
    const { counts, hold } = await restoreTree(bucket.store, scratch.at('tree'), options);
    assert.deepEqual([counts.stored, counts.reshaped, counts.failed], [1, 1, 0]);
    assert.ok(hold);
    const key = `.whisper-backup/holds/${hold}.json`;
    const { date, reason } = JSON.parse(new TextDecoder().decode(await bucket.store.get(key, { maxBytes: 1e4 })));
    assert.equal(reason, 'the state before a restore with another schema');
    await restoreTree(bucket.store, scratch.at('again'), { now, date: new Date(date), metrics: 'long' });
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('again', 'long.wsp'))), hourly(1, 40));
    const again = await restoreTree(bucket.store, scratch.at('tree'), options);
    assert.deepEqual([again.counts.stored, again.hold], [undefined, undefined]);
  });

  it('replaces an existing file with --overwrite by the backup alone', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(59), hourly(1000));
    await plantMetric(scratch.at('tree'), 'm', hourly(1, 20));
    const options = { now: bucket.now, overwrite: true, schemaOf: retentions('60:30,5m:1d') };
    await restoreTree(bucket.store, scratch.at('tree'), options);
    const made = await readFile(scratch.at('tree', 'm.wsp'));
    assert.deepEqual(findUnjustified(made, [hourly(1000)]), []);
    assert.equal(modelOf(made).archives[0]?.points.get(NOON), 1000);
  });

  it('names metrics that lose points because no step fits, and those that cannot have another schema', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('good', at(59), hourly(1));
    await bucket.backup('compressed', at(59), Buffer.from('whisper_compressed and more'));
    const { counts, failed, notes } = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      schemaOf: retentions('90:100'),
    });
    assert.deepEqual([counts.restored, counts.stepsLeft, counts.failed], [1, 1, 1]);
    assert.deepEqual(
      notes.map(({ metric, code }) => [metric, code]),
      [['good', 'STEPS_LEFT']],
    );
    assert.match(notes[0]?.reason ?? '', /no step of its new schema is a multiple of 60 s/);
    assert.deepEqual(
      failed.map(({ metric, code }) => [metric, code]),
      [['compressed', 'WHISPER_COMPRESSED']],
    );
    assert.match(failed[0]?.reason ?? '', /^Cannot restore .* with another schema: it is in go-carbon's/);
  });

  it('names metrics that lose points that are ahead of the clock', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const ahead = hourly(1);
    updateMany(ahead, [{ timestamp: NOON + 600, value: 7 }], { now: NOON + 600 });
    await bucket.backup('ahead', at(59), ahead);
    await bucket.backup('in.time', at(59), hourly(1));
    const { counts, notes } = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      schemaOf: retentions('300:100'),
    });
    assert.deepEqual([counts.restored, counts.aheadLeft, counts.stepsLeft], [2, 1, undefined]);
    const [note] = notes;
    assert.deepEqual([notes.length, note?.metric, note?.code], [1, 'ahead', 'AHEAD_LEFT']);
    assert.match(note?.reason ?? '', /^1 points that are ahead of the clock have no place/);
  });

  it('restores a tagged metric whose name is not certain with the schema that it has, and names it', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const path = '_tagged/123/456/abc';
    await bucket.backup(path, at(59), hourly(1));
    const rules = newSchemas(parseStorageSchemas('[all]\npattern = .*\nretentions = 60:30\n', () => {}));
    const { counts, failed } = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      schemaOf: rules,
    });
    assert.deepEqual([counts.restored, counts.failed], [1, 1]);
    assert.match(failed[0]?.reason ?? '', /restored with the schema that it has: .*its name is not certain/);
    assert.deepEqual(new Uint8Array(await readFile(scratch.at('tree', `${path}.wsp`))), hourly(1));
    const all = { now: bucket.now, schemaOf: retentions('60:30') };
    assert.equal((await restoreTree(bucket.store, scratch.at('all'), all)).counts.failed, 0);
  });

  it('takes the rule for the new name of a renamed metric', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('old', at(59), hourly(1));
    const rules = '[new]\npattern = ^new\nretentions = 60:30\n[old]\npattern = .*\nretentions = 60:40\n';
    await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      rename: [{ from: 'old', to: 'new' }],
      schemaOf: newSchemas(parseStorageSchemas(rules, () => {})),
    });
    assert.equal(schemaIn(await readFile(scratch.at('tree', 'new.wsp')))[0], '60:30');
  });
});
