import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { suggestion } from '../nearest.ts';

export interface AwsFiles {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/**
 * Checks that the named profile exists. The SDK would silently fall back to other credentials.
 *
 * @throws UsageError with the searched files and the nearest profile.
 */
export async function checkProfile(profile: string, { environment, home }: AwsFiles): Promise<void> {
  const paths = [
    environment['AWS_SHARED_CREDENTIALS_FILE'] || join(home, '.aws', 'credentials'),
    environment['AWS_CONFIG_FILE'] || join(home, '.aws', 'config'),
  ];
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/^\s*\[\s*(?:profile\s+)?["']?([^\]"']+?)["']?\s*\]/gm)].map(([, name = '']) => name),
  );
  if (names.includes(profile)) return;
  throw new UsageError(
    `Cannot use profile '${profile}': it is not in ${paths.join(' or ')}${suggestion(profile, names)}`,
  );
}
