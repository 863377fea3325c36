import type { S3StoreOptions } from './options.ts';

const DAY_MS = 86_400_000;

/** Returns a function that returns the headers of an object that is stored now. */
export function attributesOf({
  sse,
  kmsKeyId,
  storageClass,
  tags = {},
  lock,
}: S3StoreOptions): () => Readonly<Record<string, string>> {
  const tagging = new URLSearchParams(tags).toString().replaceAll('+', '%20');
  const fixed = {
    'content-type': 'application/octet-stream',
    ...(sse === undefined ? {} : { 'x-amz-server-side-encryption': sse }),
    ...(kmsKeyId === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyId }),
    ...(storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass }),
    ...(tagging === '' ? {} : { 'x-amz-tagging': tagging }),
  };
  if (!lock) return () => fixed;
  const mode = lock.mode.toUpperCase();
  return () => ({
    ...fixed,
    'x-amz-object-lock-mode': mode,
    'x-amz-object-lock-retain-until-date': new Date(Date.now() + lock.days * DAY_MS).toISOString(),
  });
}
