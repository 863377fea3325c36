import { ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import type { SharedRadosgw } from '../servers/shared.ts';

/** A client that may do everything, for what the program never does. */
export function s3Client({ s3 }: SharedRadosgw): S3Client {
  const { endpoint, accessKeyId, secretAccessKey } = s3;
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

/** All versions in a small bucket, without delete markers. */
export async function versionsOf(client: S3Client, Bucket: string): Promise<{ Key: string; VersionId: string }[]> {
  const { Versions = [], IsTruncated } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  if (IsTruncated) throw new Error('not a small bucket');
  return Versions.map(({ Key = '', VersionId = '' }) => ({ Key, VersionId }));
}
