import type { Config } from '../../../config/schema.ts';
import { storeSpec } from '../../../config/storage/storage.ts';
import { rootOf } from '../../../lib/bucket/layout.ts';
import type { BucketSettings, LifecycleRule } from '../../../lib/store/drivers/s3/bucket-settings.ts';
import type { Lock } from '../../../lib/store/drivers/s3/options.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import { placeOf } from '../run/operation-options.ts';
import { bad, type Check, ok, type Verdict, warn, worstOf } from './check.ts';

/** Checks the settings of an S3 bucket by which it deletes or keeps objects by itself. */
export const bucketSettings: Check = {
  name: 'bucket',
  deadline: 30,
  async run({ config }, signal): Promise<Verdict> {
    const { place } = await storeSpec(config);
    if (place.kind !== 's3')
      return ok(`The storage '${place.kind}' has no versions, locks or lifecycle rules to check`);
    const { readBucketSettings } = await import('../../../lib/store/drivers/s3/bucket-settings.ts');
    try {
      return judgeSettings(await readBucketSettings(place.options, signal), config, place.options.lock);
    } catch (error) {
      if (!(error instanceof BucketMissingError || error instanceof DeniedError)) throw error;
      return warn('Cannot read the settings of the bucket: see the check credentials');
    }
  },
};

/** The settings of the configuration that count. */
export type Rules = Pick<Config, 'deletes' | 'storagePath' | 'storagePathRaw'>;

/** Returns what the settings mean for the backups below the storage path. @param lock of the configuration. */
export function judgeSettings(settings: BucketSettings, config: Rules, lock: Lock | undefined): Verdict {
  const root = rootOf(placeOf(config));
  const applies = ({ prefix }: LifecycleRule) => prefix.startsWith(root) || root.startsWith(prefix);
  const rules = settings.lifecycle?.filter(applies);
  const remarks: Verdict[] = [
    ...versionRemarks(settings, rules, config, root),
    ...lockRemarks(settings, lock),
    ...(rules ?? []).flatMap(ruleRemarks),
    ...(settings.refused.length > 0
      ? [ok(`The store does not report all its settings: allow ${settings.refused.join(', ')} to check them`)]
      : []),
  ];
  const remedies = remarks.flatMap(({ remedy }) => remedy ?? []);
  return {
    level: worstOf(remarks.map(({ level }) => level)),
    finding: remarks.map(({ finding }) => finding).join('. '),
    ...(remedies.length > 0 && { remedy: remedies.join('. ') }),
  };
}

function versionRemarks(
  { versioning }: BucketSettings,
  rules: readonly LifecycleRule[] | undefined,
  { deletes }: Rules,
  root: string,
): Verdict[] {
  if (versioning === undefined) return [];
  if (versioning !== 'enabled') {
    const finding = `Versioning is ${versioning === 'never' ? 'off' : 'suspended'}: what is overwritten or deleted is lost`;
    return [
      deletes === 'never' ? warn(finding, "Enable it: with 'deletes: never' a host can still overwrite") : ok(finding),
    ];
  }
  if (rules === undefined) return [ok('Versioning is on')];
  const forAll = rules.filter(({ prefix, isFiltered }) => !isFiltered && root.startsWith(prefix));
  const days = forAll.flatMap(({ noncurrentDays }) => noncurrentDays ?? []);
  if (days.length > 0) {
    return [ok(`Versioning is on, deleted objects are kept for ${daysText(Math.min(...days))} more`)];
  }
  return [
    warn(
      'Versioning is on, and no lifecycle rule removes old versions: deleted backups are billed for ever',
      'Add a rule that expires noncurrent versions, and delete markers without versions',
    ),
  ];
}

function lockRemarks({ objectLock, defaultLock }: BucketSettings, lock: Lock | undefined): Verdict[] {
  const used = lock ?? defaultLock;
  if (!used) return objectLock ? [ok('The bucket has object lock, but lock-mode and lock-days are not set')] : [];
  if (objectLock === false) {
    return [bad('lock-mode is set, but the bucket has no object lock: every upload fails', LOCK_REMEDY)];
  }
  const by = lock ? '' : ' by the bucket';
  return [
    ok(
      `Objects are locked${by} for ${daysText(used.days)} (${used.mode}): what retention deletes before is billed until then, and older backups are not protected`,
    ),
  ];
}

const LOCK_REMEDY = 'Use a bucket with object lock, or remove lock-mode and lock-days';

function ruleRemarks({ name, prefix, isFiltered, expiresDays, expiresOn, archive }: LifecycleRule): Verdict[] {
  const rule = `The lifecycle rule ${JSON.stringify(name)}${prefix === '' ? '' : ` for ${JSON.stringify(prefix)}`}`;
  const objects = isFiltered ? 'objects that pass its filter' : 'objects';
  const judge = isFiltered ? warn : bad;
  const when =
    expiresDays === undefined ? expiresOn && `on ${expiresOn}` : `${daysText(expiresDays)} after they were stored`;
  const remarks: Verdict[] = [];
  if (when !== undefined) {
    remarks.push(
      judge(
        `${rule} deletes ${objects} ${when}: also the only backup of a metric that has not changed since`,
        'Remove its expiration of current objects: retention, purge and prune delete what is due',
      ),
    );
  }
  if (archive !== undefined) {
    remarks.push(
      judge(
        `${rule} moves ${objects} to ${archive}, from which no restore can read them`,
        'Use a class that can be read at once, such as GLACIER_IR',
      ),
    );
  }
  return remarks;
}

function daysText(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
