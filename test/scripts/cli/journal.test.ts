import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as v from 'valibot';
import { hostStatusSchema } from '../../../lib/monitoring/host-status.ts';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { createWhisper } from '../../../lib/whisper/create.ts';
import { updateMany } from '../../../lib/whisper/update.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { plant } from '../../fixtures/tree.ts';
import { run } from './program.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

/** Where the disk store of a host has the records of runs. */
const RECORDS = 'stores/b/.whisper-backup/runs';

/** A host whose configuration names its storage. */
async function host(name: string) {
  const prefix = await scratch.directory(name, 'tree');
  const stores = await scratch.directory(name, 'stores');
  const config = scratch.at(name, 'config.json');
  const paths = { prefix, lockfile: scratch.at(name, 'lock') };
  const storage = { storage: 'disk', storageArgs: [`path=${stores}`], bucket: 'b' };
  await writeFile(config, JSON.stringify({ ...storage, ...paths, nolog: true, nostamp: true, quiet: true }));
  const program = (...words: readonly string[]) =>
    run([...words, '--config', config, '--state-dir', scratch.at(name, 'state')]);
  /** The files of the journal's parts. */
  const parts = async (): Promise<string[]> => {
    const root = `${stores}/b/.whisper-backup/journal`;
    const names = await readdir(root, { recursive: true }).catch(() => []);
    return names.filter((name) => name.endsWith('.lines.gz')).map((name) => `${root}/${name}`);
  };
  return {
    lockfile: paths.lockfile,
    program,
    async status() {
      return v.parse(hostStatusSchema, JSON.parse((await program('status', '--json')).stdout));
    },
    /** Writes a file with a point at each of these ages, in seconds. */
    async write(ages: readonly number[]) {
      const now = Math.floor(Date.now() / 1000);
      const bytes = createWhisper([{ secondsPerPoint: 1, points: 3600 }]);
      updateMany(
        bytes,
        ages.map((age) => ({ timestamp: now - age, value: age })),
        { now },
      );
      await plant(prefix, 'servers/web01/cpu.wsp', bytes);
    },
    parts,
    async lines(): Promise<string> {
      const texts = (await parts()).map(async (part) => gunzipSync(await readFile(part)).toString());
      return (await Promise.all(texts)).join('');
    },
  };
}

describe('whisper-backup journal', () => {
  it('stops with exit code 1 before the first backup, and says to run one', async () => {
    const { program, write, status, lines } = await host('first');
    await write([60]);
    await program('--create', 'backup', '-m', 'no.such');
    const { code, stderr } = await program('journal');
    assert.equal(code, 1);
    assert.match(stderr, /run backup first/);
    assert.equal(await lines(), '');
    assert.equal((await status()).journal?.last.exitCode, 1);
  });

  it('stores new points as lines that carbon reads, and status shows how much a restore would lose', async () => {
    const { program, write, status, lines } = await host('points');
    await write([60]);
    assert.equal((await program('backup')).code, 0);
    const before = await status();
    assert.deepEqual([before.journal, before.lastSuccess !== null], [undefined, true]);
    await write([60, 0]);
    const { code, stdout, stderr } = await program('journal', '--json');
    assert.equal(code, 0, stderr);
    const { command, counts } = JSON.parse(stdout);
    assert.deepEqual([command, counts.metrics, counts.failed], ['journal', 1, 0]);
    assert.ok(counts.journaled + counts.stored === 1, stdout);
    if (counts.journaled > 0) assert.match(await lines(), /^servers\.web01\.cpu 0 \d+$/m);
    const own = await status();
    assert.equal(own.state, 'ok');
    assert.equal(own.lastRun?.command, 'backup');
    assert.ok(own.journal?.succeeded);
    const age = (Date.now() - Date.parse(own.journal.succeeded)) / 1000;
    assert.ok(own.rpoSeconds !== null && own.rpoSeconds <= age + 1, JSON.stringify(own));
    // The last full backup was an hour ago.
    const [name = ''] = await readdir(scratch.at('points', RECORDS));
    const record = scratch.at('points', RECORDS, name);
    const { started, finished, ...rest } = JSON.parse(await readFile(record, 'utf8'));
    const [earlier, ended] = [started, finished].map((time) => new Date(Date.parse(time) - 3_600_000).toISOString());
    await writeFile(record, JSON.stringify({ ...rest, started: earlier, finished: ended }));
    const ofBucket = JSON.parse((await program('status', '--json', '--bucket-records')).stdout);
    assert.ok(ofBucket.ageSeconds >= 3600 && ofBucket.rpoSeconds < 3000, JSON.stringify(ofBucket));
    const { stdout: text } = await program('status');
    assert.match(text, /^RPO now +\d+ s: .*\n(.*\n)*last journal +\S+ \S+ UTC, exit code 0$/m);
  });

  it('is used by list and show, which exits with code 3 if a part is damaged', async () => {
    const { program, write, parts } = await host('views');
    await write([60]);
    await program('backup');
    await write([60, 0]);
    assert.equal((await program('journal')).code, 0);
    const [file = ''] = await parts();
    const until = file.split('/').at(-2);
    assert.ok((await program('list')).stdout.endsWith(`servers.web01.cpu  (journal until ${until})\n`));
    assert.equal(JSON.parse((await program('list', '--json')).stdout).journal, until);
    assert.ok((await program('list', '--no-journal')).stdout.endsWith('servers.web01.cpu\n'));
    const shown = await program('show', 'servers.web01.cpu');
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^journal +[23] points, up to \S+$/m);
    assert.match(shown.stdout, /^0 +1 s +1 h +3600 +[23] /m);
    const without = await program('show', '--no-journal', 'servers.web01.cpu');
    assert.match(without.stdout, /^0 +1 s +1 h +3600 +1 /m);
    await writeFile(file, 'spoilt');
    const damaged = await program('show', 'servers.web01.cpu');
    assert.equal(damaged.code, 3);
    assert.match(damaged.stderr, /^warning: failed: \.whisper-backup\/journal\/.*\.lines\.gz: /m);
    assert.match(damaged.stdout, /^0 +1 s +1 h +3600 +1 /m);
  });

  it('is shown without lines that are not points, which are counted: exit code 3', async () => {
    const { program, write, parts } = await host('malformed');
    await write([60]);
    await program('backup');
    await write([60, 0]);
    await program('journal');
    const [file = ''] = await parts();
    const indexFile = file.replace(/[^/]*$/, 'index.json');
    const lines = gunzipSync(await readFile(file))
      .toString()
      .replace(/ \d+ (?=\d+\n$)/, ' soon ');
    const body = gzipSync(lines);
    const index = JSON.parse(await readFile(indexFile, 'utf8'));
    const sha1 = createHash('sha1').update(lines).digest('hex');
    Object.assign(index.parts[0], { sha1, size: body.length, bytes: lines.length });
    await writeFile(file, body);
    await writeFile(indexFile, JSON.stringify(index));
    const { code, stdout, stderr } = await program('show', 'servers.web01.cpu');
    assert.equal(code, 3);
    assert.match(
      stderr,
      /^warning: failed: servers\.web01\.cpu: shown without 1 lines of the journal that are not points: verify --read-data/m,
    );
    assert.match(stdout, /^metric +servers\.web01\.cpu$/m);
  });

  it('writes nothing in a dry run', async () => {
    const { program, write, status, lines } = await host('dry');
    await write([60]);
    await program('backup');
    await write([60, 0]);
    const { code, stderr } = await program('-n', 'journal');
    assert.equal(code, 0, stderr);
    assert.equal(await lines(), '');
    assert.equal((await status()).journal, undefined);
  });

  it('ends with exit code 11 while another run holds the lock', async () => {
    const { program, write, lockfile, status } = await host('locked');
    await write([60]);
    await program('backup');
    const lock = await acquireRunLock(lockfile, { timeout: 0 });
    try {
      assert.equal((await program('--locktimeout', '0', 'journal')).code, 11);
    } finally {
      await lock.release();
    }
    const { journal, state } = await status();
    assert.deepEqual([journal?.last.exitCode, journal?.succeeded, state], [11, null, 'ok']);
  });
});
