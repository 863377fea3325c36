import type { Config } from '../../config/schema.ts';
import { reasonOf } from '../../lib/errors.ts';
import type { Log } from '../log.ts';
import { type FinishedRun, pointsOf } from './figuretable.ts';
import { sendPoints } from './send.ts';

/** How long carbon is waited for, in seconds. */
const DEADLINE = 5;

/**
 * Sends the figures of a run to the carbon that the configuration names, if it names one. They are a courtesy to those
 * who watch: when carbon cannot be reached that is a warning, and the run ended as it did.
 */
export async function reportRun(run: FinishedRun, config: Pick<Config, 'carbon' | 'carbonPrefix'>, log: Log) {
  const { carbon, carbonPrefix } = config;
  if (carbon === undefined) return;
  try {
    await sendPoints(carbon, pointsOf(run, carbonPrefix), DEADLINE);
    log.debug(`Sent the figures of this run to carbon at ${carbon}`);
  } catch (error) {
    log.warn(`Cannot send the figures of this run to carbon at ${carbon}: ${reasonOf(error)}: see --carbon`);
  }
}
