import type { Command } from '../meter.ts';
import type { Outcome, Plan } from '../plan.ts';
import { type Runtime, runtimes } from '../program.ts';
import type { ContenderInfo } from '../results.ts';
import { type Entry, inRounds } from '../rounds.ts';

/** Start-ups take a few hundredths of a second and vary, so each round has several. */
const ROUNDS_EACH = 4;

/** Measures the start-up time of each program. */
export async function startUp(plan: Plan): Promise<Outcome> {
  const rounds = plan.rounds === 1 ? 1 : plan.rounds * ROUNDS_EACH;
  const scenario = {
    id: 'startup',
    title: 'Start-up',
    note: `As set up on a host, ${rounds} times each. \`node -e 0\` and \`deno eval 0\` are the lower bounds.`,
  };
  const present = new Set(plan.contenders.always.map(({ id }) => id));
  const ours = (runtime: Runtime, flag: string): Entry =>
    entry(
      `ours-${runtime}${flag}`,
      `whisper-backup ${flag}${runtime === 'deno' ? ', on Deno' : ''}`,
      'ours',
      plan.program.command(runtime, [flag]),
    );
  const entries = [
    entry('node', 'node -e 0', 'floor', { words: [plan.program.node, '-e', '0'] }),
    ours('release', '--version'),
    ours('release', '--help'),
    entry('deno', 'deno eval 0', 'floor', { words: [runtimes.deno[0] ?? '', 'eval', '0'] }),
    ours('deno', '--version'),
    ours('deno', '--help'),
    ...(present.has('restic') ? [entry('restic', 'restic version', 'other', { words: ['restic', 'version'] })] : []),
    ...(present.has('borg-lz4') ? [entry('borg', 'borg --version', 'other', { words: ['borg', '--version'] })] : []),
    ...(present.has('rclone') ? [entry('rclone', 'rclone version', 'other', { words: ['rclone', 'version'] })] : []),
  ];
  const measurements = await inRounds(scenario, entries, { ...plan, rounds });
  return { scenarios: [scenario], measurements, contenders: entries.map(({ contender }) => contender) };
}

function entry(id: string, title: string, kind: ContenderInfo['kind'], command: Command): Entry {
  return { contender: { id: `start-${id}`, title, kind }, command };
}
