import prettyBytes from 'pretty-bytes';
import { spanText } from '../../../lib/common/span.ts';
import type { DrillReport } from '../../../lib/operations/drill/report.ts';

/** Formats the results of a drill for people, one per line. */
export function drillLines({ differing, estimate, kept, newest, rpo, rto }: DrillReport): string[] {
  const lines = differing.map(
    ({ metric, step, timestamp, live, restored }) =>
      `differs: ${metric}: ${new Date(timestamp * 1000).toISOString()} (archive of ${step} s): live ${live}, restored ${restored}`,
  );
  if (rpo)
    lines.push(
      `measured RPO: ${rpo.maxSeconds} s at most (${rpo.worst}), ${rpo.medianSeconds} s in the median of ${rpo.metrics} metrics`,
    );
  if (newest) {
    const what = newest.from === 'journal' ? 'point of the journal' : 'backup';
    lines.push(`newest restored ${what}: ${newest.time}, ${newest.ageSeconds} s before the drill`);
  }
  if (estimate) {
    const { secondsByBytes, secondsByMetrics } = estimate;
    const [least, most] = [secondsByBytes, secondsByMetrics]
      .sort((a, b) => a - b)
      .map((seconds) => spanText(seconds, { decimals: 1 }));
    lines.push(
      `measured RTO: ${spanText(rto.seconds, { decimals: 1 })} for ${rto.metrics} metrics, ${size(rto.bytesFetched)}`,
    );
    lines.push(
      `estimate for the whole bucket: ${least} to ${most} for ${estimate.metrics} metrics, ${size(estimate.bytes)}`,
    );
  }
  if (kept !== undefined) lines.push(`the restored tree is in ${kept}`);
  return lines;
}

function size(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}
