import { writeFile } from 'node:fs/promises';

type Vars = Record<string, unknown>;

/** An inventory of the group `graphite`, as an operator keeps it in a file. */
export class Inventory {
  readonly path: string;
  readonly #vars: Vars;
  readonly #hosts = new Map<string, Vars>();

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

  /** JSON is YAML. */
  save(): Promise<void> {
    const graphite = { hosts: Object.fromEntries(this.#hosts), vars: this.#vars };
    return writeFile(this.path, JSON.stringify({ all: { children: { graphite } } }, undefined, 2));
  }
}
