import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Key } from '../../../config/schema.ts';
import { nearestDirectory, type ServiceUser, serviceUser, whyNot } from '../host/service-user.ts';
import { type Check, type Level, ok, worstOf } from './check.ts';

/** What a run writes on the host besides Whisper files. */
const places = [
  { key: 'stateDir', kind: 'directory' },
  { key: 'cacheDir', kind: 'directory' },
  { key: 'logfile', kind: 'file' },
  { key: 'stampfile', kind: 'file' },
] as const satisfies readonly { key: Key; kind: 'directory' | 'file' }[];

/**
 * Whether state, cache, log and stamp can be written by the user that backups run as, also when this runs as root, and
 * are on no full disk. What was not named is a courtesy that a run passes over, so it is only warned of.
 */
export const directories: Check = {
  name: 'directories',
  async run({ config, origins }) {
    const user = await serviceUser(config.prefix);
    const unused = { stateDir: false, cacheDir: config.noCache, logfile: config.nolog, stampfile: config.nostamp };
    const wrong: { readonly level: Level; readonly text: string }[] = [];
    for (const { key, kind } of places) {
      const why = unused[key] ? undefined : await whyUnusable(config[key], kind, user);
      if (why === undefined) continue;
      const isNamed = origins.get(key) !== 'default';
      wrong.push({ level: isNamed ? 'bad' : 'warn', text: `${key}: ${why}` });
    }
    if (wrong.length === 0) return ok(`State, cache, log and stamp can be written by user ${user.uid}`);
    return {
      level: worstOf(wrong.map(({ level }) => level)),
      finding: wrong.map(({ text }) => text).join('; '),
      remedy: wrong.every(({ text }) => text.endsWith(FULL))
        ? 'Make room on it: without a record of its runs `status` does not know them'
        : `Make what is missing (install -d -o ${user.uid} -g ${user.gid} DIR), and give the rest to that user: chown ${user.uid}:${user.gid}`,
    };
  },
};

const FULL = 'is on a full file system';

/** Of what is not there yet, the directory it would be made in counts. */
async function whyUnusable(path: string, kind: 'directory' | 'file', user: ServiceUser): Promise<string | undefined> {
  const isThere = (await stat(path).catch(() => undefined)) !== undefined;
  const place = isThere ? path : kind === 'file' ? dirname(path) : await nearestDirectory(path);
  const why = await whyNot('write', place, user);
  if (why !== undefined) return `${place} ${why}`;
  const { bavail, blocks } = await statfs(place);
  // One of unlimited size has no blocks.
  return bavail === 0 && blocks > 0 ? `${place} ${FULL}` : undefined;
}
