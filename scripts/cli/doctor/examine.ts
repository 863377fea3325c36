import { reasonOf } from '../../../lib/common/errors.ts';
import { abortable } from '../../../lib/store/deadline.ts';
import type { Invocation } from '../run/invocation.ts';
import { bad, type Check, type Verdict } from './check.ts';

export interface Finding extends Verdict {
  /** Name of the check. */
  readonly name: string;
}

/**
 * Runs all checks concurrently, each with its timeout. A check that throws or times out is `bad`.
 *
 * @returns the findings in the order of the checks.
 * @throws the reason of the interruption.
 */
export async function examine(checks: readonly Check[], invocation: Invocation): Promise<Finding[]> {
  const { signal } = invocation.interruption;
  const findings = await Promise.all(
    checks.map(async (check) => ({ name: check.name, ...(await verdictOf(check, invocation)) })),
  );
  signal.throwIfAborted();
  return findings;
}

async function verdictOf(check: Check, invocation: Invocation): Promise<Verdict> {
  const { deadline = 10 } = check;
  const timer = new AbortController();
  const late = new Error(`no answer within ${deadline} s`);
  const timeout = setTimeout(() => timer.abort(late), deadline * 1000);
  const signal = AbortSignal.any([timer.signal, invocation.interruption.signal]);
  try {
    return await abortable(check.run(invocation, signal), signal);
  } catch (error) {
    return bad(reasonOf(error));
  } finally {
    clearTimeout(timeout);
  }
}
