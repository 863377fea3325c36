import { before, describe, it, type TestContext } from 'node:test';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { SEED, SEEDED } from '../fixtures/seed.ts';
import { backupJob } from './backup-job.ts';
import { createGround } from './ground.ts';
import type { Command, Job } from './job.ts';
import { journalJob } from './journal-job.ts';
import type { Place } from './place.ts';
import { purgeJob } from './purge-job.ts';
import { KILLS, quotaOf, STOPS, type Where } from './quota.ts';
import { restoreJob } from './restore-job.ts';
import { type Lengths, lengthsOf, volley } from './volley.ts';

/** Ends one job with -9, and with a signal that it hears. */
export function endsOf(where: Where, command: Command, make: () => Promise<Job>): void {
  describe(`${command}, ended at random moments: ${where} (${SEEDED})`, { concurrency: 1 }, () => {
    let job: Job;
    let lengths: Lengths;
    before(async () => {
      job = await make();
      lengths = await lengthsOf(job);
    });

    it('by SIGKILL: nothing is lost, no lock is stale, the next run finishes, the next purge clears up', async (t) => {
      const hits = quotaOf(KILLS, where, command);
      const name = `${command} kill ${where}`;
      const counts = await volley(job, { signals: ['SIGKILL'], hits, name, lengths });
      tell(t, { kills: { [command]: { [where]: counts.hits } }, details: { ...lengths, ...counts } });
    });

    it('by SIGTERM and SIGINT: it ends in seconds with 143 and 130, and leaves nothing behind', async (t) => {
      const hits = quotaOf(STOPS, where, command);
      const name = `${command} stop ${where}`;
      const counts = await volley(job, { signals: ['SIGTERM', 'SIGINT'], hits, name, lengths });
      tell(t, { stops: { [command]: { [where]: counts.hits } }, details: { ...lengths, ...counts } });
    });
  });
}

/** Backup, journal, restore and purge at one place. */
export function killStore(place: () => Place, where: Where, metrics: number, directory: () => Promise<string>): void {
  const makers = { backup: backupJob, journal: journalJob, restore: restoreJob, purge: purgeJob } as const;
  const commands = ['backup', 'journal', 'restore', 'purge'] as const;
  // What is ended at a server mostly waits for it.
  describe(`runs that end early: ${where}`, { concurrency: where !== 'disk' }, () => {
    for (const command of commands.filter((name) => KILLS[where]?.[name])) {
      endsOf(where, command, async () => {
        const random = randomFrom(SEED + 1);
        const ground = await createGround(await directory(), place(), { bucket: `${command}-ended`, random });
        return makers[command](ground, metrics);
      });
    }
  });
}

/** A line that a page is made from. */
function tell(t: TestContext, figures: Readonly<Record<string, unknown>>): void {
  t.diagnostic(`reliability ${JSON.stringify(figures)}`);
}
