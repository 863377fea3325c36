import { ansibleConfig } from '../../fleet/checkout.ts';
import { typedForm } from './execute.ts';
import type { Plan, Runbook } from './runbook.ts';

type IsDone = (id: string) => boolean;

/** Formats the plan for people. */
export function planText(runbook: Runbook, { steps, mind }: Plan, isDone: IsDone, isFull: boolean): string {
  const lines = [runbook.title, ''];
  steps.forEach(({ id, title, commands }, i) => {
    lines.push(`  ${String(i + 1).padStart(2)}. ${id}: ${title}${isDone(id) ? ' (done)' : ''}`);
    if (isFull) for (const command of commands) lines.push(`        ${typedForm(command)}`);
  });
  lines.push('', ...mind.map((line) => `  Note: ${line}`));
  if (isFull) lines.push('', `Commands run in the checkout, with ANSIBLE_CONFIG=${ansibleConfig}.`);
  return `${lines.join('\n')}\n`;
}

/** Returns the plan for programs. */
export function planRecord(runbook: Runbook, { steps, mind }: Plan, isDone: IsDone): object {
  return {
    runbook: runbook.name,
    options: runbook.options.map(({ name }) => name),
    steps: steps.map(({ id, title, commands, asks }) => ({
      id,
      title,
      done: isDone(id),
      asks: asks ?? null,
      commands: commands.map((command) => ({
        program: command.program,
        args: command.args,
        typed: typedForm(command),
      })),
    })),
    mind,
  };
}
