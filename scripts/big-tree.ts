import { existsSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { makeManyBackups, makeManyMetrics } from '../bench/trees/many-metrics.ts';
import { LARGE_FILES, makeRealisticTree, SMALL_FILES } from '../bench/trees/realistic-tree.ts';

/*
 * Creates the trees that `make bench` uses. They are the same each time.
 */

const usage = `node --import tsx scripts/big-tree.ts KIND DIRECTORY [options]

KIND  large    400 files of 991 KB, with realistic values
      small    20,000 files of 17 KB, likewise
      million  1,000,000 files of 100 bytes

      --files <n>       this many files instead
      --sparse <bytes>  million: sparse files of this size
      --bucket <dir>    million: also a disk bucket with backups of each file, written directly
      --backups <n>     backups of each file (5), a day apart, the newest an hour old
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    files: { type: 'string' },
    sparse: { type: 'string' },
    bucket: { type: 'string' },
    backups: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h' },
  },
});
const [kind, directory] = positionals;
if (values.help) {
  process.stdout.write(usage);
} else if (directory === undefined || !['large', 'small', 'million'].includes(kind ?? '')) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  for (const made of [directory, values.bucket]) {
    if (made !== undefined && existsSync(made) && readdirSync(made).length > 0) {
      throw new Error(`Cannot make a tree: ${made} is not empty: remove it, or use another directory`);
    }
  }
  await make(directory);
}

async function make(prefix: string): Promise<void> {
  const files = values.files === undefined ? undefined : wholeNumber('files', values.files);
  if (kind !== 'million') {
    const spec = kind === 'large' ? LARGE_FILES : SMALL_FILES;
    makeRealisticTree(prefix, { ...spec, files: files ?? spec.files });
    return;
  }
  const options = {
    metrics: files ?? 1_000_000,
    ...(values.sparse === undefined ? {} : { sparseBytes: wholeNumber('sparse', values.sparse) }),
  };
  makeManyMetrics(prefix, options);
  if (values.bucket === undefined) return;
  const newest = new Date(Date.now() - 3_600_000);
  await makeManyBackups(values.bucket, { ...options, backups: wholeNumber('backups', values.backups), newest });
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`Cannot make a tree: --${name} must be a whole number: got "${text}"`);
}
