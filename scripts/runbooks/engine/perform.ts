import { reasonOf } from '../../../lib/common/errors.ts';
import type { Ask } from './ask.ts';
import type { Diary } from './diary.ts';
import { execute } from './execute.ts';
import type { Journal } from './progress.ts';
import type { Plan, Step } from './runbook.ts';

export interface Performance {
  readonly journal: Journal;
  readonly diary: Diary;
  readonly ask: Ask;
  readonly signal: AbortSignal;
}

/**
 * Performs the open steps of a plan in order, and stops at the first problem.
 *
 * @returns whether all steps are done.
 */
export async function perform(plan: Plan, performance: Performance): Promise<boolean> {
  const { ask, diary, journal, signal } = performance;
  for (const [i, step] of plan.steps.entries()) {
    const { asks, id, title } = step;
    diary.say(`[${i + 1}/${plan.steps.length}] ${id}: ${title}`);
    if (journal.isDone(id)) {
      diary.say('    already done');
      continue;
    }
    if (asks !== undefined && !(await ask(asks))) {
      stopped(`Stopped before step '${id}', which was declined`);
      return false;
    }
    await journal.begin(id);
    const problem = await tryStep(step);
    await journal.end(id, problem);
    if (problem !== undefined) {
      stopped(`Stopped at step '${id}': ${problem}`);
      return false;
    }
  }
  await journal.finish();
  diary.say(`All ${plan.steps.length} steps are done`);
  return true;

  /** @returns the problem, or undefined. */
  async function tryStep(step: Step): Promise<string | undefined> {
    try {
      let problem: string | undefined;
      for (const command of step.commands) {
        problem = await execute(command, diary, signal);
        if (signal.aborted) return 'interrupted';
        if (problem !== undefined) break;
      }
      if (step.report) diary.say(await step.report(journal.started));
      return problem;
    } catch (error) {
      return reasonOf(error);
    }
  }

  function stopped(why: string): void {
    diary.say(why);
    for (const { id, holds } of plan.steps) {
      const isFreed = plan.steps.some(({ id: other, frees }) => frees?.includes(id) && journal.isDone(other));
      if (holds !== undefined && journal.isBegun(id) && !isFreed) diary.say(`Note: ${holds}`);
    }
    if (signal.aborted) diary.say('A command that the step started on a host continues there; --resume waits for it');
    diary.say(
      'Run the same command with --resume to repeat this step and continue, or with --resume --past to skip it',
    );
  }
}
