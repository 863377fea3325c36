import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

/** Maximum backups to print per glob. */
const MAX_LINES = 40;

/** Prints the first backups of the bucket, and the counts of all. */
export function listStep(
  fleet: Fleet,
  host: string,
  { globs, date }: { readonly globs: readonly string[]; readonly date?: string | undefined },
): Step {
  const dated = date === undefined ? [] : [`--date=${date}`];
  const tool = '/usr/local/bin/whisper-backup';
  // "$@" passes the arguments unchanged.
  const script = `${tool} "$@" list | head -n ${MAX_LINES}`;
  return {
    id: 'list',
    title: `List these metrics in the bucket of ${host}`,
    commands: globs.flatMap((glob) => {
      const args = ['--nolog', '--quiet', ...dated, `--metrics=${glob}`];
      return [
        fleet.remote(host, ['sh', '-c', script, 'list', ...args]),
        fleet.tool(host, ['--nolog', ...dated, `--metrics=${glob}`, 'verify'], { accepts: [0, 4] }),
      ];
    }),
  };
}
