import process from 'node:process';
// `test-files.mjs` uses these names to determine what a file needs.
import { type Radosgw, startRadosgw } from './radosgw.ts';
import { type Swift, startSwift } from './swift.ts';

/*
 * Servers that test files share: `test/run.mjs` starts them once, and their addresses are in the environment. A file
 * that is run by itself starts its own. What kills a server, or makes it forget, needs its own, too.
 */

const RADOSGW = 'WHISPER_BACKUP_TEST_RADOSGW';
const SWIFT = 'WHISPER_BACKUP_TEST_SWIFT';

/** A server whose buckets others use, too. */
export type SharedRadosgw = Pick<Radosgw, 's3' | 'swift' | 'stop'>;
export type SharedSwift = Pick<Swift, 'url' | 'v1' | 'stop'>;

export async function sharedRadosgw(): Promise<SharedRadosgw> {
  const shared = process.env[RADOSGW];
  return shared === undefined ? startRadosgw() : { ...JSON.parse(shared), stop: async () => {} };
}

/** @param directory where one is started, if none is shared. */
export async function sharedSwift(directory: string): Promise<SharedSwift> {
  const shared = process.env[SWIFT];
  return shared === undefined ? startSwift(directory) : { ...JSON.parse(shared), stop: async () => {} };
}

/** A bucket of this process alone, also when the same file runs on the other runtime at the same time. */
export function ownBucket(name: string): string {
  return `${name}-${process.pid}`;
}

/** Starts both for all files of a run. @returns what {@link sharedRadosgw} and {@link sharedSwift} read, and an end. */
export async function shareServers(
  directory: string,
): Promise<{ environment: Readonly<Record<string, string>>; stop(): Promise<void> }> {
  const starting = [startRadosgw(), startSwift(directory)] as const;
  // If one does not start, the other must not keep the runner from ending.
  const [radosgw, swift] = await Promise.all(starting).catch(async (error) => {
    for (const one of await Promise.allSettled(starting)) if (one.status === 'fulfilled') await one.value.stop();
    throw error;
  });
  return {
    environment: { [RADOSGW]: JSON.stringify(radosgw), [SWIFT]: JSON.stringify(swift) },
    async stop() {
      await Promise.all([radosgw.stop(), swift.stop()]);
    },
  };
}
