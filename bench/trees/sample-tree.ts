import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createWhisper } from '../../lib/whisper/create.ts';
import type { Point } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { randomFrom } from './seeded-random.ts';

/** A day by the minute, a week by five, ninety days by the hour: 67 KB a file. */
const ARCHIVES = [
  { secondsPerPoint: 60, points: 1440 },
  { secondsPerPoint: 300, points: 2016 },
  { secondsPerPoint: 3600, points: 2160 },
];

/** The metrics of one host. */
export const SAMPLE_NAMES = [
  ...['idle', 'user', 'system', 'iowait'].map((name) => `cpu.total.${name}`),
  ...['01', '05', '15'].map((name) => `loadavg.${name}`),
  ...['MemFree', 'Cached', 'Dirty', 'SwapUsed'].map((name) => `memory.${name}`),
  ...['rx_byte', 'tx_byte', 'rx_errors', 'tx_errors'].map((name) => `network.eth0.${name}`),
  ...['read_byte', 'write_byte', 'iops', 'await'].map((name) => `iostat.sda.${name}`),
  ...['byte_percentfree', 'inodes_percentfree'].map((name) => `diskspace.root.${name}`),
];

/** Creates a Whisper tree like that of a small Graphite host. @returns the number of files. */
export async function makeSampleTree(prefix: string, options: { hosts: number; now: number }): Promise<number> {
  const { hosts, now } = options;
  let files = 0;
  for (let host = 1; host <= hosts; host++) {
    for (const name of SAMPLE_NAMES) {
      const metric = `servers.web${String(host).padStart(2, '0')}.${name}`;
      await writeSample(prefix, metric, pointsOf(metric, ++files, now), now);
    }
  }
  return files;
}

/** Writes the file of one metric, as carbon would have by now. */
export async function writeSample(
  prefix: string,
  metric: string,
  points: readonly Point[],
  now: number,
): Promise<void> {
  const bytes = createWhisper(ARCHIVES, { xFilesFactor: 0, aggregation: 'average' });
  updateMany(bytes, points, { now });
  const file = fileOf(prefix, metric);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}

export function fileOf(prefix: string, metric: string): string {
  return join(prefix, `${metric.replaceAll('.', '/')}.wsp`);
}

/** Returns a daily wave with drift and noise; errors are rare. */
export function pointsOf(metric: string, seed: number, now: number): Point[] {
  const random = randomFrom(seed);
  const level = 20 + 60 * random();
  let drift = 0;
  const valueAt = (timestamp: number): number => {
    if (metric.endsWith('errors')) return random() < 0.01 ? 1 : 0;
    drift = drift * 0.995 + random() - 0.5;
    const wave = 15 * Math.sin((timestamp / 86_400) * 2 * Math.PI + seed);
    return Math.round(100 * Math.max(0, level + wave + drift + random())) / 100;
  };
  const points: Point[] = [];
  let timestamp = now - 90 * 86_400 + 3600;
  while (timestamp < now) {
    points.push({ timestamp, value: valueAt(timestamp) });
    const age = now - timestamp;
    timestamp += age > 7 * 86_400 ? 3600 : age > 86_400 ? 300 : 60;
  }
  return points;
}
