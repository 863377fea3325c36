import { countRemark } from '../../whisper/remark.ts';
import type { StoredFile } from '../../workers/tasks/store-files.ts';
import type { Run } from '../shared/run.ts';

/** Counts what became of a file that was stored, or why it was not. */
export function countStored(metric: string, result: StoredFile, run: Run): void {
  if ('code' in result) {
    const { outcome, code, reason } = result;
    if (outcome === 'skipped') run.skip({ metric, code, reason });
    else run.fail({ metric, code, reason });
    return;
  }
  run.add(result.outcome);
  run.add('bytesRead', result.bytes);
  if (result.outcome !== 'stored') return;
  run.add('bytesStored', result.backup.object.size);
  if (result.remark) countRemark(metric, result.remark, run);
  const { dryRun, report } = run.options;
  report.log('debug', `${dryRun ? 'Would store' : 'Stored'} ${result.backup.object.key}`);
}
