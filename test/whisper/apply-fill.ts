import type { FillPlan } from '../../lib/whisper/fill.ts';

/** Applies a plan in memory. @param bytes the local file that the plan was computed from. */
export function applyFill(bytes: Uint8Array, plan: FillPlan): void {
  for (const write of plan.writes) bytes.set(write.bytes, write.offset);
}
