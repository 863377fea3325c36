import { state } from '@aws-sdk/core/client';

/*
 * What is used of the SDK, in one module to be imported when it is needed: it takes a few tenths of a second to load.
 */

export {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';

// Which Node is supported is for this product to say, not for its parts on standard error.
state.warningEmitted = true;
