import type { LeftSlot, WindowCounts, WindowPlan } from '../../whisper/window.ts';

/** What the restore of a window changed in one file. */
export interface WindowResult extends WindowCounts {
  /** How many slots were left. */
  readonly leftSlots: number;
  /** The first of them. */
  readonly left: readonly LeftSlot[];
}

/** How many slots of a file are named. A few are at the edges of the window; more only if the file was odd before. */
const NAMED_AT_MOST = 100;

export function windowResult({ filled, replaced, erased, kept, left }: WindowPlan): WindowResult {
  return { filled, replaced, erased, kept, leftSlots: left.length, left: left.slice(0, NAMED_AT_MOST) };
}
