import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { backupKey, metricOf } from '../../lib/bucket/layout.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { createCompressor } from '../../lib/compress/engine.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { pathAt } from './names.ts';

export interface ManyMetricsOptions {
  readonly metrics: number;
  /** Apparent size of each file: 64 bytes of it are written, the rest is a hole. @default no hole: 100 bytes */
  readonly sparseBytes?: number;
}

const METRICS_OF_A_HOST = 200;
const NOW = 1_763_780_400;
const DAY = 86_400;
/** Backups of equal content are one file with many names: ext4 gives a file 65,000 of them, which 13 million need. */
const CONTENTS = 1000;

/** A tree of very many very small Whisper files, in the shape that a large Graphite host's has. */
export function makeManyMetrics(prefix: string, options: ManyMetricsOptions): void {
  const contents = contentsOf(options);
  let made = '';
  for (const path of pathsOf(options.metrics)) {
    const file = join(prefix, `${path.name}.wsp`);
    const directory = dirname(file);
    if (directory !== made) mkdirSync(directory, { recursive: true });
    made = directory;
    const handle = openSync(file, 'wx');
    const content = contents[path.index % CONTENTS];
    if (content) writeSync(handle, content.head);
    if (content) ftruncateSync(handle, content.size);
    closeSync(handle);
  }
}

/**
 * A bucket of the disk store with backups of each metric of {@link makeManyMetrics}, as that many nightly runs would have
 * left it; the newest is of the file as it is. Written straight, which takes a fraction of the time of the runs.
 *
 * @param bucket a directory that is empty or not there yet, on a file system with hard links.
 * @param options.newest when the newest backups were made; the others are a day apart.
 */
export async function makeManyBackups(
  bucket: string,
  options: ManyMetricsOptions & { readonly backups: number; readonly newest: Date },
): Promise<void> {
  const { backups, newest } = options;
  const compressor = await createCompressor({ gzipEngine: 'zlib' });
  mkdirSync(bucket, { recursive: true });
  const pool = mkdtempSync(`${bucket}-pool-`);
  try {
    const contents = contentsOf(options).map(({ head, size }, i) => {
      const bytes = new Uint8Array(size);
      bytes.set(head);
      const file = join(pool, `${i}`);
      writeFileSync(file, compressor.compress(bytes));
      return { file, sha1: createHash('sha1').update(bytes).digest('hex') };
    });
    for (const { index, name } of pathsOf(options.metrics)) {
      mkdirSync(join(bucket, metricOf(name)));
      for (let age = 0; age < backups; age++) {
        const timestamp = formatTimestamp(new Date(newest.getTime() - age * DAY * 1000));
        const content = contents[(index + age) % CONTENTS];
        if (content) linkSync(content.file, join(bucket, backupKey('', name, timestamp, content.sha1, 'gz')));
      }
    }
  } finally {
    rmSync(pool, { recursive: true });
  }
}

/** Host after host, so that a directory is made once. */
function* pathsOf(metrics: number): Generator<{ index: number; name: string }> {
  const hosts = Math.ceil(metrics / METRICS_OF_A_HOST);
  let index = 0;
  for (let host = 0; host < hosts; host++) {
    for (let i = host; i < metrics; i += hosts) yield { index: index++, name: pathAt(i, hosts) };
  }
}

/** What the files hold: one point that tells them apart. Holes read as zeros, as do slots that carbon has not written. */
function contentsOf({ sparseBytes }: ManyMetricsOptions): { head: Uint8Array; size: number }[] {
  const points = Math.max(6, Math.floor(((sparseBytes ?? 0) - 28) / 12));
  return Array.from({ length: CONTENTS }, (_, value) => {
    const bytes = createWhisper([{ secondsPerPoint: 60, points }]);
    updateMany(bytes, [{ timestamp: NOW, value }], { now: NOW });
    return { head: bytes.subarray(0, 64), size: bytes.length };
  });
}
