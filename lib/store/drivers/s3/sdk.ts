import { state } from '@aws-sdk/core/client';

/*
 * The used parts of the SDK. Import this module dynamically, because loading the SDK takes a few tenths of a second.
 */

export {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';

// Disables the SDK's warnings about old Node versions on standard error.
state.warningEmitted = true;
