import { connect } from './client.ts';
import type { S3StoreOptions } from './options.ts';
import { whereGiven } from './where.ts';

/**
 * Adds the region that the SDK finds if only that is missing for reading and storing objects without the SDK. So each
 * thread need not load the SDK, and ask Amazon's metadata service, to find it.
 *
 * @returns the options as they are if they cannot be used to connect: the store reports why.
 */
export async function withRegion(options: S3StoreOptions): Promise<S3StoreOptions> {
  const { accessKeyId, region } = options;
  if (region !== undefined || accessKeyId === undefined || !whereGiven({ ...options, region: 'any' })) return options;
  try {
    const { client } = await connect(options);
    try {
      return { ...options, region: await client.config.region() };
    } finally {
      client.destroy();
    }
  } catch {
    return options;
  }
}
