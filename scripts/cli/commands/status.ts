import { UsageError } from '../../../config/errors.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { jsonLine } from '../../../lib/common/printable.ts';
import { lastFullRun } from '../../../lib/journal/runs.ts';
import { readRunRecords } from '../../../lib/monitoring/bucket-records.ts';
import { type HostStatus, hostStatus, sinceLastSuccess } from '../../../lib/monitoring/host-status.ts';
import { type CarbonLocks, carbonLocks } from '../host/carbon-locks.ts';
import { bucketName } from '../run/bucket-name.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';
import { dateOf, placeOf } from '../run/operation-options.ts';
import { statusHere } from '../run/status-here.ts';
import { briefly, withStore } from '../run/store.ts';
import { statusText } from '../text/status.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log, option, output } = invocation;
  checkPlace(invocation);
  const isOfBucket = option('bucketRecords') === 'true';
  if (!isOfBucket && option('asOf') !== undefined) {
    throw new UsageError('--as-of needs --bucket-records: the records of this host are those of now');
  }
  const locks = isOfBucket ? undefined : await readLocks(invocation);
  const status = isOfBucket
    ? await bucketStatus(invocation)
    : { ...(await statusHere(config, (message) => log.warn(message))), lockWrites: locks?.locks ?? null };
  await output.write(config.json ? jsonLine(status) : statusText(status, locks));
  return status.state === 'ok' ? exitCodes.done : exitCodes.error;
}

/**
 * Without a storage, status uses the bucket of the newest backup, so a bucket or storage path that was given would be
 * ignored.
 */
function checkPlace({ config, origins }: Invocation): void {
  if (config.storage !== undefined) return;
  for (const [key, name] of [
    ['bucket', '--bucket'],
    ['storagePath', '--storage-path'],
    ['storagePathRaw', '--storage-path-raw'],
  ] as const) {
    const origin = origins.get(key) ?? 'default';
    if (origin === 'default') continue;
    const value = JSON.stringify(config[key]);
    const typed = origin === name ? `${name} ${value} ` : '';
    const [what, configure] =
      origin === name
        ? [name, 'Name']
        : [
            origin.startsWith('WHISPER_BACKUP_') ? `${origin}=${value}` : `${key}: ${value} of ${origin}`,
            'Add storage: and storageArgs: to the configuration, or name',
          ];
    throw new UsageError(
      `Cannot find the bucket that ${what} names: no storage is configured. ${configure} the storage, as in whisper-backup ${typed}status disk path=DIR`,
    );
  }
}

/** Reads carbon's lock settings. If that fails, the rest of the status is still reported. */
async function readLocks({ log }: Invocation): Promise<CarbonLocks | undefined> {
  try {
    return await carbonLocks();
  } catch (error) {
    log.warn(reasonOf(error));
    return undefined;
  }
}

/** Returns the status from the records in the bucket, for a host that is down. */
function bucketStatus(invocation: Invocation): Promise<HostStatus> {
  const { config, interruption, log } = invocation;
  const { signal } = interruption;
  return withStore({ ...invocation, config: briefly(config) }, async (store) => {
    await store.open({ create: false, signal });
    const now = dateOf(invocation, 'asOf') ?? new Date();
    const onUnusable = (message: string) => log.warn(message);
    // A copy of a bucket has another name but the same records, so records are not filtered by bucket.
    const seen = await sinceLastSuccess(readRunRecords(store, placeOf(config), { signal, now, onUnusable }));
    const bucket = await bucketName(config);
    const onDamaged = ({ reason }: { readonly reason: string }) => log.warn(reason);
    const journaled = (await lastFullRun(store, placeOf(config), { signal, onDamaged }))?.toISOString();
    const status = hostStatus(seen, { source: 'bucket', now, lockWrites: null, ...(journaled && { journaled }) });
    return { ...status, bucket: bucket ?? store.name };
  });
}
