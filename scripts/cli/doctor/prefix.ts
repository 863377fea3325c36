import { stat } from 'node:fs/promises';
import { checkPrefix } from '../../../lib/tree/walk.ts';
import { self, serviceUser, whyNot } from '../host/service-user.ts';
import { bad, type Check, ok, type Verdict, warn } from './check.ts';
import { sampleFiles } from './sample-files.ts';

/** How many files are looked at. */
const SAMPLE = 20;

/** The tree: it is there, and what is in it can be read by whoever runs this, and by the user that backups run as. */
export const prefix: Check = {
  name: 'prefix',
  async run({ config: { prefix, exclude } }, signal): Promise<Verdict> {
    await checkPrefix(prefix);
    const user = await serviceUser(prefix);
    const { uid: owner } = await stat(prefix);
    const who = `${prefix} belongs to user ${owner}, and this runs as ${self()}`;
    const remedy = `Run backups as the owner of all files (User= in whisper-backup.service), or: chown -R ${owner} ${prefix}`;
    const { files, closed } = await sampleFiles(prefix, SAMPLE, exclude, signal);
    if (closed[0] !== undefined) {
      const remedy =
        'Run backups as a user who may list it (User= in whisper-backup.service), or exclude it (exclude:)';
      return bad(`${who}: the directory ${closed[0]} cannot be listed`, remedy);
    }
    for (const file of files) {
      for (const reader of [{ uid: self(), gid: process.getegid?.() ?? 0 }, user]) {
        const why = await whyNot('read', file, reader);
        // Carbon or a person may have deleted it meanwhile.
        if (why !== undefined && why !== 'does not exist') return bad(`${who}: ${file} ${why}`, remedy);
      }
    }
    if (files.length === 0) {
      return bad(`${who}: it holds no Whisper file`, 'Is it mounted, and is prefix: the right one?');
    }
    const readOnly = await whyNot('write', prefix, user);
    if (readOnly !== undefined) {
      return warn(
        `${who}: it can be backed up, but a restore could make no file: it ${readOnly}`,
        `For restores: chown ${owner} ${prefix}; chmod u+w ${prefix}; and restore as that user`,
      );
    }
    return ok(`${who}; ${files.length} of its files were looked at`);
  },
};
