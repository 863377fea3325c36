import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { printable } from '../lib/common/printable.ts';
import { ARCHITECTURES, isArchitecture } from './release/architecture.ts';
import { makeRelease } from './release/release.ts';

/*
 * `make dist`: builds the release tarballs for hosts, one per architecture.
 */

const usage = `node --import tsx scripts/dist.ts [options]

      --arch <names>    Processors: x64, arm64 (${ARCHITECTURES.join(',')})
      --version <text>  Version of the release (the version in package.json)
      --out <dir>       Directory of the tarballs (dist/release)

SOURCE_DATE_EPOCH sets the date of the files inside (the time of the last commit).
`;

try {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: ARCHITECTURES.join(',') },
      version: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) process.stdout.write(usage);
  else await dist(values.arch, values.version, values.out);
} catch (error) {
  process.stderr.write(`dist: ${printable(error instanceof Error ? error.message : String(error))}\n`);
  process.exitCode = 1;
}

async function dist(arch: string, version: string | undefined, out: string | undefined): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const architectures = arch.split(',').map((name) => {
    if (isArchitecture(name)) return name;
    throw new Error(`Cannot make a release: --arch must be one of ${ARCHITECTURES.join(', ')}: got "${name}"`);
  });
  for (const architecture of new Set(architectures)) {
    const release = await makeRelease(root, {
      architecture,
      ...(version !== undefined && { version }),
      ...(out !== undefined && { out: resolve(out) }),
    });
    process.stdout.write(`${release.sha256}  ${release.tarball}  ${(release.bytes / 1e6).toFixed(1)} MB\n`);
  }
}
