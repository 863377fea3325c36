import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Scratch } from '../../fixtures/scratch.ts';
import { isDeno, launcher } from '../cli/program.ts';

/** A host that is a directory: what the tool does to it is real, its services are not. */
export interface DirectoryHost {
  readonly name: string;
  readonly prefix: string;
  readonly bucket: string;
}

/**
 * Makes hosts that are directories with a configuration each, and Ansible that reaches them: `ansible` runs commands as
 * they are, `ansible-playbook` runs the tool with what the playbook would give it. What they were asked for besides is
 * in `services`.
 */
export async function makeHosts(scratch: Scratch, names: readonly string[]): Promise<DirectoryHost[]> {
  await mkdir(scratch.at('bin'), { recursive: true });
  const tool = isDeno ? [process.execPath, 'run', '-A', '--no-check', `${launcher}.ts`] : [process.execPath, launcher];
  const world = JSON.stringify({ root: scratch.path, tool });
  const standIn = fileURLToPath(new URL('stand-in.mjs', import.meta.url));
  const runtime = isDeno ? `'${process.execPath}' run -A` : `'${process.execPath}'`;
  for (const name of ['ansible', 'ansible-playbook']) {
    const script = `#!/bin/sh\nexec ${runtime} '${standIn}' '${world}' ${name} "$@"\n`;
    await writeFile(scratch.at('bin', name), script);
    await chmod(scratch.at('bin', name), 0o755);
  }
  return Promise.all(
    names.map(async (name) => {
      const host = { name, prefix: scratch.at(name, 'whisper'), bucket: `graphite.${name}` };
      await mkdir(host.prefix, { recursive: true });
      const config = {
        ...{
          prefix: host.prefix,
          bucket: host.bucket,
          storage: 'disk',
          storageArgs: [`path=${scratch.at('buckets')}`],
        },
        ...{ lockfile: scratch.at(name, 'lock'), stampfile: scratch.at(name, 'stamp'), nolog: true, noCache: true },
        stateDir: scratch.at(name, 'state'),
      };
      await writeFile(scratch.at(name, 'config.json'), JSON.stringify(config));
      return host;
    }),
  );
}
