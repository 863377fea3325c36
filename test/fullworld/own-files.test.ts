import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reportReliability } from '../fixtures/reliability.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';
import { plantTree } from '../fixtures/tree.ts';
import { run } from '../scripts/cli/program.ts';

/** The files that the program writes besides backups, and the errors if it cannot. */
interface OwnFile {
  readonly option: string;
  /** How a run ends that finds no room for the file itself, or may not write. */
  readonly refused: { readonly code: number; readonly says: RegExp };
  /** How one ends that finds no room for its content. */
  readonly full: { readonly code: number; readonly says: RegExp };
}

const files: readonly OwnFile[] = [
  {
    option: 'cache-dir',
    refused: {
      code: 0,
      says: /Cannot write the stat cache .*disk\/it\/.*In the next run all files are read\. Check --cache-dir/,
    },
    full: {
      code: 0,
      says: /Cannot write the stat cache .*disk\/it\/.*In the next run all files are read\. Check --cache-dir/,
    },
  },
  {
    option: 'logfile',
    refused: { code: 1, says: /^error: Cannot write the log file .*disk\/it: .*see --logfile and --nolog/ },
    full: {
      code: 0,
      says: /^error: Cannot write to the log: .*disk\/it: .*no space left.*the log ends here/im,
    },
  },
  {
    option: 'state-dir',
    refused: { code: 2, says: /^error: Cannot use the state directory .*disk\/it \(--state-dir\): .*Use a directory/ },
    full: { code: 0, says: /Cannot write the record of this run to .*disk\/it: .*no space left.*see --state-dir/i },
  },
  {
    option: 'stampfile',
    refused: { code: 1, says: /^error: Cannot touch the stamp file .*disk\/it: .*see --stampfile/m },
    full: { code: 0, says: /stored 3, failed 0/ },
  },
  {
    option: 'lockfile',
    refused: { code: 1, says: /^error: Cannot open the lock file .*disk\/it: .*Check --lockfile/ },
    full: { code: 0, says: /stored 3, failed 0/ },
  },
];

describe('the disk for the program’s own files', () => {
  for (const { option, refused, full } of files) {
    it(`of --${option} is full, or read-only: the error names the file and the remedy`, async (t) => {
      await using scratch = await createScratch();
      await plantTree(scratch.at('tree'), ['a.wsp', 'b.wsp', 'c.wsp']);
      {
        using disk = new Tmpfs(scratch.at('disk'), 'size=64k');
        disk.fill();
        const { code, stderr } = await backUp(scratch, option, disk.at('it'), 'full');
        assert.equal(code, full.code, stderr);
        assert.match(stderr, full.says);
      }
      using disk = new Tmpfs(scratch.at('disk'), 'nr_inodes=1');
      const none = await backUp(scratch, option, disk.at('it'), 'none');
      assert.equal(none.code, refused.code, none.stderr);
      assert.match(none.stderr, refused.says);
      await disk.makeReadOnly();
      const readOnly = await backUp(scratch, option, disk.at('it'), 'readonly');
      assert.equal(readOnly.code, refused.code, readOnly.stderr);
      assert.match(readOnly.stderr, refused.says);
      reportReliability(t, 'full-disk', { runs: 3 });
    });
  }
});

function backUp({ at }: Scratch, option: string, file: string, bucket: string) {
  const off = { logfile: '--nolog', lockfile: '--nolock', stampfile: '--nostamp', 'cache-dir': '--no-cache' };
  const others = Object.entries(off).flatMap(([name, without]) => (name === option ? [] : [without]));
  const options = [...others, `--${option}`, file, '-p', at('tree'), '-b', bucket];
  const env = { WHISPER_BACKUP_NO_CACHE: String(option !== 'cache-dir') };
  return run([...options, 'backup', 'disk', at('store')], { env });
}
