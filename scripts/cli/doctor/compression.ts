import { reasonOf } from '../../../lib/common/errors.ts';
import { createCompressor, gzipEngines } from '../../../lib/compress/engine.ts';
import { compressorOptions } from '../../../lib/compress/format.ts';
import { loadKoffi } from '../../../lib/system/libc.ts';
import { writtenAlgorithmOf } from '../run/operation-options.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** Checks which engine compresses backups. Fails if the configured engine is missing. */
export const compression: Check = {
  name: 'compression',
  async run({ config }) {
    const { gzipEngine, gzipLevel } = config;
    const algorithm = writtenAlgorithmOf(config);
    const { engine, level } = await createCompressor(
      compressorOptions({ algorithm, gzipEngine, ...(gzipLevel !== undefined && { gzipLevel }) }),
    );
    const finding = `${algorithm} is compressed by ${engine} at level ${level}`;
    if (algorithm !== 'gz') return ok(finding);
    const native = gzipEngines().filter((name) => name === 'libdeflate' || name === 'isal');
    if (native.length === 0 && gzipEngine === 'auto') {
      return warn(`${finding}: no faster library is installed`, 'apt-get install libdeflate0 (or libisal2)');
    }
    return ok(`${finding}; this host has ${gzipEngines().join(', ')}`);
  },
};

/** Checks that koffi loads, which calls flock(2) and the native compressors. */
export const native: Check = {
  name: 'native',
  async run() {
    const runtime =
      process.versions['deno'] === undefined ? `Node ${process.version}` : `Deno ${process.versions['deno']}`;
    const host = `${runtime} on ${process.platform}-${process.arch}`;
    try {
      loadKoffi().load(null);
      return ok(`koffi loads the C library; ${host}`);
    } catch (error) {
      return bad(
        `Cannot load koffi: ${reasonOf(error)}; ${host}`,
        'Install the release for this architecture, on a glibc (not musl) system',
      );
    }
  },
};
