import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { plant, whisperFile } from '../fixtures/tree.ts';

const ARCHIVES = [{ secondsPerPoint: 60, points: 600 }];

/** A whole Whisper file that does not get much smaller: 7 KB, and two blocks of a disk when it is stored. */
export function noisyFile(seed: number): Uint8Array {
  const random = randomFrom(seed);
  const now = Math.floor(Date.now() / 60_000) * 60;
  const points = Array.from({ length: 590 }, (_, i) => ({ timestamp: now - i * 60, value: random() }));
  return whisperFile({ now, points, archives: ARCHIVES });
}

/** Writes that many files, and returns them by name. Another seed gives other points. */
export async function plantNoisy(prefix: string, count: number, seed = 0): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const name = `host${i % 3}/m${String(i).padStart(2, '0')}.wsp`;
    const bytes = noisyFile(seed * 1000 + i + 1);
    await plant(prefix, name, bytes);
    files.set(name, bytes);
  }
  return files;
}
