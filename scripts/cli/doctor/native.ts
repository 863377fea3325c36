import { reasonOf } from '../../../lib/common/errors.ts';
import { libc } from '../../../lib/system/libc.ts';
import { bad, type Check, ok } from './check.ts';

/** The native part of the program, through which it calls flock(2) and the compressors. */
export const native: Check = {
  name: 'native',
  async run() {
    const runtime =
      process.versions['deno'] === undefined ? `Node ${process.version}` : `Deno ${process.versions['deno']}`;
    const host = `${runtime} on ${process.platform}-${process.arch}`;
    try {
      libc();
      return ok(`koffi loads the C library; ${host}`);
    } catch (error) {
      return bad(
        `koffi does not load: ${reasonOf(error)}; ${host}`,
        'Install the release for this architecture, on a glibc (not musl) system',
      );
    }
  },
};
