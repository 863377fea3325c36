import type { WindowPlan } from '../../whisper/window.ts';

/** What the restore of a window changed in one file. */
export type WindowResult = Omit<WindowPlan, 'writes'>;

export function windowResult({ filled, replaced, erased, kept, left, leftSlots }: WindowPlan): WindowResult {
  return { filled, replaced, erased, kept, leftSlots, left };
}
