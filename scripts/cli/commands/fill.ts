import { COUNTS } from '../../../lib/common/codes.ts';
import { Tally } from '../../../lib/common/summary.ts';
import { fillFile } from '../../../lib/operations/restore/fill-file.ts';
import type { Invocation } from '../run/invocation.ts';
import { lockOf, parseEpoch } from '../run/operation-options.ts';
import { reportOn } from '../run/run.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option, words } = invocation;
  const [source = '', destination = ''] = words;
  const now = parseEpoch(option('now'));
  return reportOn(invocation, async ({ signal }) => {
    const tally = new Tally(COUNTS.fill);
    const { filled } = await fillFile(source, destination, {
      ...lockOf(config),
      ...(now !== undefined && { now }),
      dryRun: config.noop,
      signal,
    });
    tally.add('filled', filled);
    return tally.finish({ command: 'fill', store: destination, dryRun: config.noop });
  });
}
