import { hostname } from 'node:os';
import { readRunRecords } from '../../lib/bucket/runs.ts';
import { reasonOf, WhisperBackupError } from '../../lib/errors.ts';
import { exitCodes } from '../exitcode.ts';
import { type CarbonLocks, carbonLocks } from '../host/carbonlocks.ts';
import { nextTimer } from '../host/nexttimer.ts';
import { readRunFiles } from '../host/runfiles.ts';
import { type HostStatus, hostStatus, sinceLastSuccess } from '../hoststatus.ts';
import type { Invocation } from '../invocation.ts';
import { jsonLine } from '../jsonline.ts';
import { placeOf } from '../operationoptions.ts';
import { statusText } from '../statustext.ts';
import { withStore } from '../storage.ts';
import { version } from '../version.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option, output } = invocation;
  const locks = option('bucketRecords') === 'true' ? undefined : await locksHere(invocation);
  const status = option('bucketRecords') === 'true' ? await ofBucket(invocation) : await ofHost(invocation, locks);
  await output.write(config.json ? jsonLine(status) : statusText(status, locks));
  return status.state === 'ok' ? exitCodes.done : exitCodes.error;
}

async function ofHost({ config, log }: Invocation, locks: CarbonLocks | undefined): Promise<HostStatus> {
  const now = new Date();
  const records = readRunFiles(config.stateDir, (message) => log.warn(message));
  const seen = await sinceLastSuccess(records, now).catch((error) => {
    throw new WhisperBackupError(
      'STATE_DIR',
      `Cannot read the records of runs in ${config.stateDir}: ${reasonOf(error)}: see --state-dir`,
      { cause: error },
    );
  });
  return hostStatus(seen, {
    source: 'host',
    now,
    host: hostname(),
    program: version(),
    interval: config.interval,
    nextTimer: (await nextTimer())?.toISOString() ?? null,
    lockWrites: locks?.locks ?? null,
  });
}

/** What carbon's settings say; those that cannot be read are no reason to tell nothing. */
async function locksHere({ log }: Invocation): Promise<CarbonLocks | undefined> {
  try {
    return await carbonLocks();
  } catch (error) {
    log.warn(reasonOf(error));
    return undefined;
  }
}

/** For a host that is dead: what it left in its bucket. */
function ofBucket({ config, interruption, log }: Invocation): Promise<HostStatus> {
  const { signal } = interruption;
  return withStore({ config, log }, async (store) => {
    await store.open({ create: false, signal });
    const now = new Date();
    const onUnusable = (message: string) => log.warn(message);
    const seen = await sinceLastSuccess(readRunRecords(store, placeOf(config), { signal, onUnusable }), now);
    return hostStatus(seen, { source: 'bucket', now, nextTimer: null, lockWrites: null });
  });
}
