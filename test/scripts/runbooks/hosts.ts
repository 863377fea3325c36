import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Scratch } from '../../fixtures/scratch.ts';
import { isDeno, launcher } from '../program.ts';

/** A host that is a directory: what the tool does to it is real, its services are not. */
export interface DirectoryHost {
  readonly name: string;
  readonly prefix: string;
  readonly bucket: string;
}

/** Where the stand-ins below find what they need; they run in a process of their own. */
interface World {
  readonly root: string;
  readonly tool: readonly string[];
}

/**
 * Makes hosts that are directories with a configuration each, and Ansible that reaches them: `ansible` runs commands as
 * they are, `ansible-playbook` runs the tool with what the playbook would give it. What they were asked for besides is
 * in `services`.
 */
export async function makeHosts(scratch: Scratch, names: readonly string[]): Promise<DirectoryHost[]> {
  await mkdir(scratch.at('bin'), { recursive: true });
  const tool = isDeno ? [process.execPath, 'run', '-A', '--no-check', `${launcher}.ts`] : [process.execPath, launcher];
  const world: World = { root: scratch.path, tool };
  const self = fileURLToPath(import.meta.url);
  const runtime = isDeno ? `'${process.execPath}' run -A --no-check` : `'${process.execPath}' --import tsx`;
  for (const name of ['ansible', 'ansible-playbook']) {
    const script = `#!/bin/sh\nexport WORLD='${JSON.stringify(world)}'\nexec ${runtime} '${self}' ${name} "$@"\n`;
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

/** What stands in for Ansible. */
function standIn([program = '', ...args]: readonly string[]): number {
  // Set by the scripts above.
  const world: World = JSON.parse(process.env['WORLD'] ?? '');
  const after = (name: string) => args[args.indexOf(name) + 1] ?? '';
  if (program === 'ansible') {
    const host = args[0] ?? '';
    const [command = '', ...rest]: string[] = JSON.parse(after('--args')).argv;
    const { code, output } = command === 'systemctl' ? note(world, host, rest) : run(world, host, command, rest);
    process.stdout.write(`${host} | ${code === 0 ? 'CHANGED' : 'FAILED'} | rc=${code} >>\n${output}\n`);
    return code === 0 ? 0 : 2;
  }
  const host = after('--limit');
  const given = args.includes('--extra-vars') ? JSON.parse(after('--extra-vars')) : {};
  const playbook = /(\w+)\.yml$/.exec(args[0] ?? '')?.[1] ?? '';
  const commands: Readonly<Record<string, readonly string[]>> = {
    run: ['backup'],
    restore: [
      ...['restore', '--metrics', given.metrics],
      ...(given.date ? ['--date', given.date] : []),
      ...(given.dry_run ? ['--dry-run'] : []),
      ...(given.restore_args ?? []),
    ],
  };
  const command = commands[playbook];
  const { code, output } = command
    ? run(world, host, TOOL, command)
    : note(world, host, [playbook, JSON.stringify(given)]);
  process.stdout.write(output);
  return code === 0 ? 0 : 2;
}

const TOOL = '/usr/local/bin/whisper-backup';

function run({ root, tool }: World, host: string, command: string, args: readonly string[]) {
  const quoted = tool.map((word) => `'${word}'`).join(' ');
  const [program = '', ...words] = command === TOOL ? tool : [command];
  const { status, stdout, stderr } = spawnSync(program, [...words, ...args.map((word) => word.replace(TOOL, quoted))], {
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: '/', WHISPER_BACKUP_CONFIG: `${root}/${host}/config.json` },
    encoding: 'utf8',
  });
  return { code: status ?? 1, output: `${stdout}${stderr}` };
}

function note({ root }: World, host: string, words: readonly string[]) {
  appendFileSync(`${root}/services`, `${host} ${words.join(' ')}\n`);
  return { code: 0, output: '' };
}

if (process.env['WORLD'] !== undefined) process.exitCode = standIn(process.argv.slice(2));
