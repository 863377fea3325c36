import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { carbonLocks } from '../../../../scripts/cli/host/carbon-locks.ts';
import { createScratch } from '../../../fixtures/scratch.ts';

const OFF = 'set WHISPER_LOCK_WRITES = True in [cache]';

/** A carbon.conf, whether its carbon locks, and the section that the remedy names if not. */
const carbon: readonly (readonly [string, string, boolean, string?])[] = [
  ['is empty', '', false],
  ['says nothing of it', '[cache]\nMAX_CACHE_SIZE = inf\n', false],
  ['has it as a comment', '[cache]\n# WHISPER_LOCK_WRITES = True\n', false],
  ['says True', '[cache]\nWHISPER_LOCK_WRITES = True\n', true],
  ['says yes with a colon, in small letters', '[cache]\nwhisper_lock_writes: yes\n', true],
  ['says False', '[cache]\nWHISPER_LOCK_WRITES = False\n', false],
  ['says it in a section that does not write', '[relay]\nWHISPER_LOCK_WRITES = True\n[cache]\n', false],
  ['says it for all instances', '[cache]\nWHISPER_LOCK_WRITES = True\n[cache:b]\nLINE_RECEIVER_PORT = 2103\n', true],
  [
    'takes it back for one',
    '[cache]\nWHISPER_LOCK_WRITES = True\n[cache:b]\nWHISPER_LOCK_WRITES = no\n',
    false,
    'cache:b',
  ],
  ['says it for one of two', '[cache]\n[cache:a]\nWHISPER_LOCK_WRITES = 1\n[cache:b]\nX = 1\n', false],
];

describe('carbonLocks', () => {
  for (const [what, text, locks, section] of carbon) {
    it(`is ${locks ? 'true' : 'false'} if carbon.conf ${what}`, async () => {
      await using scratch = await createScratch();
      const file = scratch.at('carbon.conf');
      await writeFile(file, text);
      const found = await carbonLocks({ carbon: [file], goCarbon: [] });
      assert.deepEqual([found?.file, found?.locks], [file, locks]);
      const remedy = `${section === undefined ? OFF : OFF.replace('[cache]', `[${section}]`)} of ${file}, and restart carbon-cache`;
      assert.equal(found?.remedy, remedy);
    });
  }

  for (const [text, locks] of [
    ['[whisper]\ndata-dir = "/var/lib/graphite/whisper"\n', false],
    ['[whisper]\nflock = false\n', false],
    ['[whisper]\nflock = true\n[cache]\n', true],
    ['[cache]\nflock = true\n', false],
  ] as const) {
    it(`is ${locks} if go-carbon is configured with ${JSON.stringify(text)}`, async () => {
      await using scratch = await createScratch();
      const file = scratch.at('go-carbon.conf');
      await writeFile(file, text);
      const found = await carbonLocks({ carbon: [scratch.at('none')], goCarbon: [file] });
      assert.deepEqual(found, {
        file,
        locks,
        remedy: `set flock = true in [whisper] of ${file}, and restart go-carbon`,
      });
    });
  }

  it('is unknown without carbon', async () => {
    assert.equal(await carbonLocks({ carbon: ['/nonexistent/carbon.conf'], goCarbon: ['/nonexistent/x'] }), undefined);
  });

  it('is false if one of two does not', async () => {
    await using scratch = await createScratch();
    const [on, off] = [scratch.at('on.conf'), scratch.at('off.conf')];
    await writeFile(on, '[cache]\nWHISPER_LOCK_WRITES = True\n');
    await writeFile(off, '[whisper]\n');
    assert.equal((await carbonLocks({ carbon: [on], goCarbon: [off] }))?.file, off);
  });

  it('fails with the name of an unreadable settings file', async () => {
    await using scratch = await createScratch();
    const [broken, directory] = [scratch.at('go-carbon.conf'), scratch.at('carbon.conf')];
    await writeFile(broken, '[whisper\n');
    await mkdir(directory);
    await assert.rejects(carbonLocks({ carbon: [], goCarbon: [broken] }), {
      code: 'CARBON_CONFIG',
      message: /go-carbon\.conf/,
    });
    await assert.rejects(carbonLocks({ carbon: [directory], goCarbon: [] }), {
      code: 'CARBON_CONFIG',
      message: /not a regular file/,
    });
  });
});
