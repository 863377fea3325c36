import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTypeScript } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import type { Ended, RunOptions } from '../hosts/command.ts';
import { type Hosts, startHosts } from '../hosts/hosts.ts';
import { nameOf, sharedRelease } from '../scripts/release/made.ts';
import { type Radosgw, startRadosgw } from '../servers/radosgw.ts';
import { Inventory } from './inventory.ts';
import { type Outcome, recapOf } from './recap.ts';
import { asVersion } from './releases.ts';
import { PREFIX } from './whisper-tree.ts';

export const HOSTS = ['h1', 'h2', 'h3'] as const;

/** How a playbook ended. */
export interface Played extends Ended {
  readonly hosts: Readonly<Record<string, Outcome>>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A site: a bastion with this checkout, three Graphite hosts, and an object store that all of them reach. */
export class Site implements AsyncDisposable {
  readonly hosts: Hosts;
  readonly store: Radosgw;
  readonly scratch: Scratch;
  readonly inventory: Inventory;
  /** Where playbooks leave what they gathered. */
  readonly fleetDir: string;
  /** All that was said on the bastion, by any command. */
  said = '';
  readonly #tarball: string;

  private constructor(hosts: Hosts, store: Radosgw, scratch: Scratch, inventory: Inventory, tarball: string) {
    this.hosts = hosts;
    this.store = store;
    this.scratch = scratch;
    this.inventory = inventory;
    this.fleetDir = scratch.at('fleet');
    this.#tarball = tarball;
  }

  /** @param vars what the inventory says of all hosts, besides where the store is and how to log in. */
  static async start(vars: Record<string, unknown>): Promise<Site> {
    const scratch = await createScratch();
    const hosts = await startHosts();
    try {
      // The host that waits for another is the slowest part of a site: all begin at once.
      const started = await Promise.allSettled([
        startRadosgw({ address: hosts.bastionAddress, within: hosts.within }),
        sharedRelease(scratch.at('checkout')),
        hosts.create(...HOSTS),
      ]);
      const store = settledValue(started[0]);
      const tarball = join(settledValue(started[1]), `${nameOf(process.arch)}.tar.gz`);
      settledValue(started[2]);
      const inventory = new Inventory(scratch.at('inventory.yml'), HOSTS, {
        ansible_user: 'root',
        whisper_backup_release: tarball,
        whisper_backup_site_config: {
          prefix: PREFIX,
          storage: 's3',
          storageArgs: ['us-east-1', `endpoint=${store.s3.endpoint}`],
        },
        whisper_backup_host_config: { bucket: 'graphite.{{ inventory_hostname }}' },
        whisper_backup_credentials: {
          AWS_ACCESS_KEY_ID: store.s3.accessKeyId,
          AWS_SECRET_ACCESS_KEY: store.s3.secretAccessKey,
        },
        ...vars,
      });
      await inventory.save();
      await mkdir(scratch.at('home'));
      return new Site(hosts, store, scratch, inventory, tarball);
    } catch (error) {
      await hosts.stop();
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a command on the bastion, with a home of the test's own. */
  async bastion(command: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const env = { HOME: this.scratch.at('home'), ANSIBLE_NOCOLOR: '1', LC_ALL: 'C.UTF-8', ...options.env };
    const ended = await this.hosts.bastion(command, { cwd: root, ...options, env });
    this.said += `$ ${command.join(' ')}\n${ended.stdout}${ended.stderr}`;
    return ended;
  }

  async play(playbook: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Played> {
    const command = ['ansible-playbook', '-i', this.inventory.path, `ansible/playbooks/${playbook}.yml`, ...args];
    const env = { ANSIBLE_CONFIG: 'ansible/ansible.cfg' };
    const ended = await this.bastion(command, { ...options, env });
    return { ...ended, hosts: recapOf(ended.stdout) };
  }

  /** Runs a shell script as root on a host. @throws Error when it fails. */
  async on(host: string, script: string): Promise<string> {
    const { code, stdout, stderr } = await this.hosts.on(host, ['sh', '-euc', script]);
    if (code !== 0) throw new Error(`${host}: ${script}: ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs a script on the bastion. */
  script(name: string, args: readonly string[]): Promise<Ended> {
    return this.bastion(scriptCommand(name, args));
  }

  /** Runs the tool on the bastion, on the bucket of a host. */
  tool(host: string, ...command: readonly string[]): Promise<Ended> {
    const store = ['s3', 'us-east-1', `endpoint=${this.store.s3.endpoint}`];
    const env = {
      AWS_ACCESS_KEY_ID: this.store.s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.store.s3.secretAccessKey,
      WHISPER_BACKUP_NO_CACHE: 'true',
    };
    const args = ['--json', '--bucket', `graphite.${host}`, ...command, ...store];
    return this.bastion([process.execPath, 'scripts/whisper-backup', ...args], { env });
  }

  /** The same release as other versions. @returns the paths of their tarballs. */
  async versions(versions: readonly string[]): Promise<readonly string[]> {
    const made: string[] = [];
    for (const version of versions) made.push(await asVersion(this.#tarball, version, this.scratch.path));
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.stop();
    await this.hosts.stop();
    await this.scratch[Symbol.asyncDispose]();
  }
}

export function scriptCommand(name: string, args: readonly string[]): readonly string[] {
  return [process.execPath, ...runTypeScript, `scripts/${name}.ts`, ...args];
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
