import { hostname } from 'node:os';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
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
  else await output.write(findings.map(linesOf).join(''));
  return state === 'bad' ? exitCodes.error : exitCodes.done;
}

/** Formats `bad   clock        finding`, with the remedy on the next line. */
function linesOf({ name, level, finding, remedy }: Finding): string {
  const first = `${level.padEnd(4)}  ${name.padEnd(11)}  ${printable(finding)}\n`;
  return remedy === undefined ? first : `${first}${' '.repeat(19)}${printable(remedy)}\n`;
}
