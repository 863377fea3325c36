import { writeFile } from 'node:fs/promises';

type Vars = Record<string, unknown>;

/** An inventory of the group `graphite`, as an operator keeps it in a file. */
export class Inventory {
  readonly path: string;
  readonly #vars: Vars;
  readonly #hosts = new Map<string, Vars>();
  #pruners: Vars | undefined;

  constructor(path: string, hosts: readonly string[], vars: Vars) {
    this.path = path;
    this.#vars = vars;
    for (const host of hosts) this.#hosts.set(host, {});
  }

  /** A variable of all hosts that is a dictionary. */
  get(name: string): Vars {
    return { ...Object(this.#vars[name]) };
  }

  /** Edits the variables of one host. */
  async setHost(host: string, vars: Vars): Promise<void> {
    this.#hosts.set(host, { ...this.#hosts.get(host), ...vars });
    await this.save();
  }

  /** Names the host that prunes the buckets of hosts that must not delete. */
  async setPruner(host: string, vars: Vars): Promise<void> {
    const { ansible_user, whisper_backup_release } = this.#vars;
    this.#pruners = { hosts: { [host]: {} }, vars: { ansible_user, whisper_backup_release, ...vars } };
    await this.save();
  }

  /** Removes a host from the group, but not from those that prune. */
  async removeHost(host: string): Promise<void> {
    this.#hosts.delete(host);
    await this.save();
  }

  /** JSON is YAML. */
  save(): Promise<void> {
    const graphite = { hosts: Object.fromEntries(this.#hosts), vars: this.#vars };
    const children = { graphite, ...(this.#pruners && { whisper_backup_pruners: this.#pruners }) };
    return writeFile(this.path, JSON.stringify({ all: { children } }, undefined, 2));
  }
}
