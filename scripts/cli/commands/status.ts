import { UsageError } from '../../../config/errors.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { jsonLine } from '../../../lib/common/printable.ts';
import { readRunRecords } from '../../../lib/monitoring/bucket-records.ts';
import { type HostStatus, hostStatus, sinceLastSuccess } from '../../../lib/monitoring/host-status.ts';
import { type CarbonLocks, carbonLocks } from '../host/carbon-locks.ts';
import { bucketName } from '../run/bucket-name.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';
import { placeOf } from '../run/operation-options.ts';
import { statusHere } from '../run/status-here.ts';
import { withStore } from '../run/store.ts';
import { statusText } from '../text/status.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log, option, output } = invocation;
  checkPlace(invocation);
  const isOfBucket = option('bucketRecords') === 'true';
  const locks = isOfBucket ? undefined : await locksHere(invocation);
  const status = isOfBucket
    ? await ofBucket(invocation)
    : { ...(await statusHere(config, (message) => log.warn(message))), lockWrites: locks?.locks ?? null };
  await output.write(config.json ? jsonLine(status) : statusText(status, locks));
  return status.state === 'ok' ? exitCodes.done : exitCodes.error;
}

/**
 * Without a storage, the status is that of the newest backup's bucket, whichever that is. Where a bucket or a storage path
 * was given, another one must not be taken for it.
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
        ? [name, '']
        : [
            origin.startsWith('WHISPER_BACKUP_') ? `${origin}=${value}` : `${key}: ${value} of ${origin}`,
            'add storage: and storageArgs: to the configuration, or ',
          ];
    throw new UsageError(
      `Cannot tell which bucket ${what} names: no storage is configured: ${configure}name them, as in whisper-backup ${typed}status disk path=DIR`,
    );
  }
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
    // A copy of a bucket has another name, and the same records.
    const seen = await sinceLastSuccess(readRunRecords(store, placeOf(config), { signal, now, onUnusable }));
    const bucket = await bucketName(config);
    const status = hostStatus(seen, { source: 'bucket', now, lockWrites: null });
    return { ...status, bucket: bucket ?? store.name };
  });
}
