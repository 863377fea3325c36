import { execFile, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createScratch } from '../fixtures/scratch.ts';
import { type Ended, type RunOptions, runCommand } from './command.ts';

/** Hosts to roll out to, and a bastion to do it from. They end with the process that started them. */
export interface Hosts {
  /** Where the hosts reach what listens on the bastion. */
  readonly bastionAddress: string;
  /** The words before a command that run it on the bastion: this machine's files, and the hosts' network alone. */
  readonly within: readonly string[];
  /** Runs a command on the bastion, where `ssh h1` works as it stands. */
  bastion(command: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Runs a command as root on a host, whether its sshd answers or not. */
  on(host: string, command: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Makes and boots machines, in a second or two: `h1` to `h9`. One that was there is replaced by a bare new one. */
  create(...names: readonly string[]): Promise<void>;
  /** Reboots one, as its administrator would. */
  reboot(name: string): Promise<void>;
  /** Ends one at once; nothing answers at its address any more, not even to refuse. */
  kill(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Where the image that hosts boot from is kept between runs. */
const CACHE =
  process.env['FLEET_TEST_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'whisper-backup-test');

/** A host's own environment, as its PID 1 sets it. */
const CLEAN = ['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];

/**
 * Starts a bastion without hosts.
 *
 * @throws Error when this is not root: only root may make namespaces with a systemd in them.
 */
export async function startHosts(): Promise<Hosts> {
  if (process.getuid?.() !== 0) throw new Error('The tests of the fleet boot hosts, and need root: sudo make test');
  const { stdout } = await promisify(execFile)(script('image.sh'), [CACHE]);
  const scratch = await createScratch();
  const child = spawn(script('hosts.sh'), [scratch.path, stdout.trim()], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`The hosts are gone: ${said}`);
    return value;
  };
  const tell = async (command: string) => {
    child.stdin.write(`${command}\n`);
    await answer();
  };
  const stop = async () => {
    child.stdin.end();
    await ended;
    await scratch[Symbol.asyncDispose]();
  };

  const bastionPid = (await answer()).replace('ready ', '');
  const within = ['nsenter', `--target=${bastionPid}`, '--mount', '--net', '--pid', '--ipc', '--'];
  // The host's PID 1 is another one after a reboot, so it is looked up when the command runs.
  const enter = 'exec nsenter --target="$(cat "$0")" --all -- "$@"';
  return {
    bastionAddress: '10.99.7.1',
    within,
    // In another mount namespace a program starts at the root.
    bastion: (command, options) =>
      runCommand([...within, 'env', `--chdir=${options?.cwd ?? process.cwd()}`, ...command], options),
    on: (host, command, options) =>
      runCommand([...within, 'sh', '-c', enter, scratch.at(host, 'leader'), ...CLEAN, ...command], options),
    create: (...names) => tell(`create ${names.join(' ')}`),
    reboot: (name) => tell(`reboot ${name}`),
    kill: (name) => tell(`kill ${name}`),
    stop,
  };
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
