import { COUNTS } from '../../../lib/common/codes.ts';
import { Tally } from '../../../lib/common/summary.ts';
import { fillFile } from '../../../lib/operations/restore/fill-file.ts';
import { countWindow } from '../../../lib/operations/restore/restored-window.ts';
import type { Invocation } from '../run/invocation.ts';
import { lockOf, parseEpoch } from '../run/operation-options.ts';
import { reportOn } from '../run/run.ts';
import { previewOf, windowNotice, windowOf } from '../run/window.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log, option, words } = invocation;
  const [source = '', destination = ''] = words;
  const now = parseEpoch(option('now'));
  const window = windowOf(invocation);
  if (window) log.info(windowNotice(window, invocation));
  const preview = window && previewOf(invocation);
  return reportOn(invocation, async ({ signal }) => {
    const tally = new Tally(COUNTS.fill);
    const {
      filled,
      window: changed,
      changes,
    } = await fillFile(source, destination, {
      ...lockOf(config),
      ...(now !== undefined && { now }),
      ...(window && { window }),
      dryRun: config.noop,
      signal,
    });
    tally.add('filled', filled);
    if (changed) countWindow(tally, { metric: destination }, changed);
    if (changes?.plot) await preview?.show(destination, changes.plot);
    return tally.finish({ command: 'fill', store: destination, dryRun: config.noop });
  });
}
