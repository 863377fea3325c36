import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

/** So many backups of each glob are shown. */
const SHOWN = 40;

/** Shows what the bucket holds: the first lines, and the figures of all. */
export function listStep(
  fleet: Fleet,
  host: string,
  { globs, date }: { readonly globs: readonly string[]; readonly date?: string | undefined },
): Step {
  const dated = date === undefined ? [] : [`--date=${date}`];
  const tool = '/usr/local/bin/whisper-backup';
  // The arguments pass the shell as they are, in "$@".
  const script = `${tool} "$@" list | head -n ${SHOWN}`;
  return {
    id: 'list',
    title: `List what the bucket of ${host} holds of it`,
    commands: globs.flatMap((glob) => {
      const args = ['--nolog', '--quiet', ...dated, `--metrics=${glob}`];
      return [
        fleet.remote(host, ['sh', '-c', script, 'list', ...args]),
        fleet.tool(host, ['--nolog', ...dated, `--metrics=${glob}`, 'verify'], { accepts: [0, 4] }),
      ];
    }),
  };
}
