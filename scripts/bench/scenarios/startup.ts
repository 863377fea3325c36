import { ours, runtimes } from '../contenders/ours.ts';
import type { Command } from '../meter.ts';
import type { Outcome, Plan } from '../plan.ts';
import type { ContenderInfo } from '../results.ts';
import { type Entry, inRounds } from '../rounds.ts';

/** These take a few hundredths of a second, and scatter. */
const ROUNDS_EACH = 4;

const started: readonly (ContenderInfo & { readonly command: Command })[] = [
  bare('node', 'node -e 0', [...runtimes.node, '-e', '0']),
  own('ours-version', 'whisper-backup --version', ours('node', ['--version'])),
  own('ours-help', 'whisper-backup --help', ours('node', ['--help'])),
  bare('deno', 'deno eval 0', [runtimes.deno[0] ?? '', 'eval', '0']),
  own('ours-deno-version', 'whisper-backup --version, on Deno', ours('deno', ['--version'])),
  own('ours-deno-help', 'whisper-backup --help, on Deno', ours('deno', ['--help'])),
  { id: 'restic', title: 'restic version', kind: 'other', command: { words: ['restic', 'version'] } },
  { id: 'borg-lz4', title: 'borg --version', kind: 'other', command: { words: ['borg', '--version'] } },
  { id: 'rclone', title: 'rclone version', kind: 'other', command: { words: ['rclone', 'version'] } },
];

/** How long a program takes to say what it is. */
export async function startUp(plan: Plan): Promise<Outcome> {
  const scenario = {
    id: 'startup',
    title: 'Start-up',
    note: 'The built form. `node -e 0` and `deno eval 0` are the floors.',
  };
  const present = new Set(plan.contenders.always.map(({ id }) => id));
  const entries: Entry[] = started
    .filter(({ kind, id }) => kind !== 'other' || present.has(id))
    .map(({ command, ...contender }) => ({ contender: { ...contender, id: `start-${contender.id}` }, command }));
  const rounds = plan.rounds * ROUNDS_EACH;
  const measurements = await inRounds(scenario, entries, { ...plan, rounds, scratch: plan.ground.at() });
  return { scenarios: [scenario], measurements, contenders: entries.map(({ contender }) => contender) };
}

function bare(id: string, title: string, words: readonly string[]): (typeof started)[number] {
  return { id, title, kind: 'floor', command: { words } };
}

function own(id: string, title: string, command: Command): (typeof started)[number] {
  return { id, title, kind: 'ours', command };
}
