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
import { backupKey } from '../../lib/bucket/layout.ts';
import { metricOf } from '../../lib/bucket/metric-name.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { createCompressor } from '../../lib/compress/engine.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { pathAt } from './names.ts';

export interface ManyMetricsOptions {
  readonly metrics: number;
  /** Apparent size of each file: 64 bytes are written, the rest is a hole. @default 100 bytes without a hole */
  readonly sparseBytes?: number;
}

const METRICS_OF_A_HOST = 200;
const NOW = 1_763_780_400;
const DAY = 86_400;
/** Backups of equal content are hard links to one file. ext4 allows 65,000 links per file, so 13 million need this many. */
const CONTENTS = 1000;

/** Creates a tree of many very small Whisper files, in the shape of a large Graphite host's. */
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
 * Creates a disk bucket with backups of each metric of {@link makeManyMetrics}, as nightly runs would leave it. Written
 * directly, which takes a fraction of the time.
 *
 * @param bucket an empty or missing directory on a file system with hard links.
 * @param options.newest time of the newest backups; the others are a day apart.
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

/** Yields the paths host by host, so that each directory is created only once. */
function* pathsOf(metrics: number): Generator<{ index: number; name: string }> {
  const hosts = Math.ceil(metrics / METRICS_OF_A_HOST);
  let index = 0;
  for (let host = 0; host < hosts; host++) {
    for (let i = host; i < metrics; i += hosts) yield { index: index++, name: pathAt(i, hosts) };
  }
}

/** Returns file contents that differ in one point. Holes read as zeros, like slots that carbon has not written. */
function contentsOf({ sparseBytes }: ManyMetricsOptions): { head: Uint8Array; size: number }[] {
  const points = Math.max(6, Math.floor(((sparseBytes ?? 0) - 28) / 12));
  return Array.from({ length: CONTENTS }, (_, value) => {
    const bytes = createWhisper([{ secondsPerPoint: 60, points }]);
    updateMany(bytes, [{ timestamp: NOW, value }], { now: NOW });
    return { head: bytes.subarray(0, 64), size: bytes.length };
  });
}
