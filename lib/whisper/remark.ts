import type { Named, Tally } from '../common/summary.ts';
import type { Inspection } from './inspect.ts';

/** What is worth a note about a file that was stored, restored or verified as it is. */
export interface Remark {
  /** `ODD`: python3-whisper can use it, though `create` would not make it so. `DAMAGED_FILE`: it cannot. */
  readonly code: 'ODD' | 'DAMAGED_FILE';
  readonly reason: string;
}

/** The figures that count remarks. */
const COUNT_OF = { ODD: 'odd', DAMAGED_FILE: 'damagedFiles' } as const;

/** So many of a kind are named: there may be thousands of them each night. */
const NAMED_AT_MOST = 20;

/** Returns what there is to remark about a file; undefined about a sound one. */
export function remarkOn(inspection: Inspection): Remark | undefined {
  if (inspection.verdict === 'odd') return { code: 'ODD', reason: `it is usable but odd: ${inspection.reason}` };
  if (inspection.verdict === 'damaged') return { code: 'DAMAGED_FILE', reason: inspection.error.message };
  return undefined;
}

/** Counts a remark, and names the first of each kind. */
export function countRemark(metric: Named['metric'], remark: Remark, tally: Tally): void {
  const count = COUNT_OF[remark.code];
  tally.add(count);
  if (tally.get(count) <= NAMED_AT_MOST) tally.note({ metric, ...remark });
}
