import { stat } from 'node:fs/promises';
import { checkPrefix } from '../../../lib/tree/presence.ts';
import { self, serviceUser, whyNot } from '../host/service-user.ts';
import { bad, type Check, ok, type Verdict, warn } from './check.ts';
import { sampleFiles } from './sample-files.ts';

const SAMPLE_FILES = 20;

/** Checks that the tree exists and is readable by this user and by the user that runs backups. */
export const prefix: Check = {
  name: 'prefix',
  async run({ config: { prefix, exclude } }, signal): Promise<Verdict> {
    await checkPrefix(prefix);
    const user = await serviceUser(prefix);
    const { uid: owner } = await stat(prefix);
    const who = `${prefix} belongs to user ${owner}, doctor runs as user ${self()}`;
    const remedy = `Run backups as the owner of all files (User= in whisper-backup.service), or: chown -R ${owner} ${prefix}`;
    const { files, closed } = await sampleFiles(prefix, SAMPLE_FILES, exclude, signal);
    if (closed[0] !== undefined) {
      const remedy =
        'Run backups as a user who can list it (User= in whisper-backup.service), or exclude it (exclude:)';
      return bad(`${who}: cannot list the directory ${closed[0]}`, remedy);
    }
    for (const file of files) {
      for (const reader of [{ uid: self(), gid: process.getegid?.() ?? 0 }, user]) {
        const why = await whyNot('read', file, reader);
        // A file may have been deleted since it was listed.
        if (why !== undefined && why !== 'does not exist') return bad(`${who}: ${file} ${why}`, remedy);
      }
    }
    if (files.length === 0) {
      return bad(`${who}: it holds no Whisper file`, 'Check that it is mounted and that prefix: is right');
    }
    const readOnly = await whyNot('write', prefix, user);
    if (readOnly !== undefined) {
      return warn(
        `${who}: backups work, but a restore cannot create files: it ${readOnly}`,
        `For restores: chown ${owner} ${prefix}; chmod u+w ${prefix}; and restore as that user`,
      );
    }
    return ok(`${who}; checked ${files.length} of its files`);
  },
};
