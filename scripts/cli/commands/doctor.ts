import { hostname } from 'node:os';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { plainTable } from '../../../lib/common/table.ts';
import { worstOf } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { examine, type Finding } from '../doctor/examine.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, output } = invocation;
  const findings = await examine(checks, invocation);
  const state = worstOf(findings.map(({ level }) => level));
  if (config.json) await output.write(jsonLine({ host: hostname(), state, checks: findings }));
  else await output.write(`${plainTable(findings.flatMap(rowsOf)).join('\n')}\n`);
  return state === 'bad' ? exitCodes.error : exitCodes.done;
}

/** Returns the finding, with the remedy below it. */
function rowsOf({ name, level, finding, remedy }: Finding): string[][] {
  return [[level, name, printable(finding)], ...(remedy === undefined ? [] : [['', '', printable(remedy)]])];
}
