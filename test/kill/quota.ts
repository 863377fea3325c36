import { RUNS } from '../fixtures/seed.ts';
import { isDeno } from '../scripts/cli/program.ts';
import type { Command } from './job.ts';

/** Where a command works. `file` is for fill, which has no store. */
export type Where = 'disk' | 's3' | 'swift' | 'file';

type Quota = Readonly<Partial<Record<Where, Readonly<Partial<Record<Command, number>>>>>>;

/** Runs to be killed with -9 while they work. */
export const KILLS: Quota = {
  disk: { backup: 40, journal: 25, restore: 40, reshape: 10, purge: 30 },
  s3: { backup: 10, journal: 5, restore: 10, purge: 10 },
  swift: { backup: 10, restore: 10, purge: 10 },
  file: { fill: 40 },
};

/** Runs to be told to stop, by SIGTERM or SIGINT. */
export const STOPS: Quota = {
  disk: { backup: 12, journal: 8, restore: 12, reshape: 3, purge: 8 },
  s3: { backup: 5, journal: 3, restore: 5, purge: 4 },
  swift: { backup: 5, restore: 5, purge: 4 },
  file: { fill: 10 },
};

/** A fifth of it on Deno, which starts slowly: what is killed is the same program. */
export function quotaOf(quota: Quota, where: Where, command: Command): number {
  return Math.ceil(((quota[where]?.[command] ?? 0) * RUNS) / (isDeno ? 5 : 1));
}

export function sumOf(quota: Quota): number {
  return Object.values(quota)
    .flatMap((commands) => Object.values(commands))
    .reduce((sum, count) => sum + count, 0);
}
