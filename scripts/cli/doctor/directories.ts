import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Key } from '../../../config/schema.ts';
import { nearestDirectory, type ServiceUser, serviceUser, whyNot } from '../host/service-user.ts';
import { type Check, type Level, ok, worstOf } from './check.ts';

/** Paths on the host that a run writes to, besides Whisper files. */
const places = [
  { key: 'stateDir', kind: 'directory' },
  { key: 'cacheDir', kind: 'directory' },
  { key: 'logfile', kind: 'file' },
  { key: 'stampfile', kind: 'file' },
] as const satisfies readonly { key: Key; kind: 'directory' | 'file' }[];

/**
 * Checks that the user that runs backups can write state, cache, log and stamp, and that no disk is full. For default paths a
 * problem is only a warning, because runs work without them.
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
    if (wrong.length === 0) return ok(`User ${user.uid} can write state, cache, log and stamp`);
    return {
      level: worstOf(wrong.map(({ level }) => level)),
      finding: wrong.map(({ text }) => text).join('; '),
      remedy: wrong.every(({ text }) => text.endsWith(FULL))
        ? 'Free some space: without a record of a run `status` does not show it'
        : `Create missing directories (install -d -o ${user.uid} -g ${user.gid} DIR), and change the owner of the others: chown ${user.uid}:${user.gid}`,
    };
  },
};

const FULL = 'is on a full file system';

/** For a missing path, checks the directory where it would be created. */
async function whyUnusable(path: string, kind: 'directory' | 'file', user: ServiceUser): Promise<string | undefined> {
  const isThere = (await stat(path).catch(() => undefined)) !== undefined;
  const place = isThere ? path : kind === 'file' ? dirname(path) : await nearestDirectory(path);
  const why = await whyNot('write', place, user);
  if (why !== undefined) return `${place} ${why}`;
  const { bavail, blocks } = await statfs(place);
  // A file system without a size limit reports 0 blocks.
  return bavail === 0 && blocks > 0 ? `${place} ${FULL}` : undefined;
}
