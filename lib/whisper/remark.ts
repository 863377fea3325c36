import type { Named, Tally } from '../common/summary.ts';
import type { Inspection } from './inspect.ts';

/** A note about an unusual file that was stored, restored or verified unchanged. */
export interface Remark {
  /** `ODD`: see {@link Inspection}. `DAMAGED_FILE`: python3-whisper cannot use the file. */
  readonly code: 'ODD' | 'DAMAGED_FILE';
  readonly reason: string;
}

const COUNT_OF = { ODD: 'odd', DAMAGED_FILE: 'damagedFiles' } as const;

/** How many files of each kind the notes name: there may be thousands each night. */
const NAMED_AT_MOST = 20;

export function remarkOn(inspection: Inspection): Remark | undefined {
  if (inspection.verdict === 'odd') return { code: 'ODD', reason: `it is usable but odd: ${inspection.reason}` };
  if (inspection.verdict === 'damaged') return { code: 'DAMAGED_FILE', reason: inspection.error.message };
  return undefined;
}

/** Counts a remark, and adds the first ones of each kind to the notes. */
export function countRemark(metric: Named['metric'], remark: Remark, tally: Tally): void {
  const count = COUNT_OF[remark.code];
  tally.add(count);
  if (tally.get(count) <= NAMED_AT_MOST) tally.note({ metric, ...remark });
}
