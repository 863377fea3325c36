import { resolve } from 'node:path';
import { ansibleArguments } from '../../fleet/ansible-arguments.ts';
import { checkout } from '../../fleet/checkout.ts';
import type { Command, Values } from './runbook.ts';

/** Variables of playbooks. */
export interface PlaybookVariables {
  readonly metrics?: string;
  /** ISO 8601. */
  readonly date?: string;
  readonly dry_run?: boolean;
  readonly adopt?: boolean;
  readonly restore_args?: readonly string[];
  readonly whisper_backup_release?: string;
  readonly fleet_dir?: string;
  readonly drill_sample?: string;
  readonly drill_scratch?: string;
}

/** Creates the commands of a runbook: playbooks, and single commands on a host, all with the same inventory. */
export class Fleet {
  /** The inventory, and the operator's extra arguments. */
  readonly #common: readonly string[];
  /** Absolute path. */
  readonly directory: string;

  constructor(values: Values) {
    const inventory = values.one('inventory');
    this.#common = [
      ...(inventory === undefined ? [] : ['--inventory', resolve(inventory)]),
      ...ansibleArguments(values.one('ansible-args'), '--ansible-args'),
    ];
    this.directory = resolve(values.one('fleet-dir') ?? `${checkout}/.fleet`);
  }

  /** Runs a playbook of ansible/playbooks/ on a host or group. Variables are passed as JSON to keep their types. */
  playbook(name: string, limit: string, variables: PlaybookVariables = {}): Command {
    const given = Object.entries(variables).filter(([, value]) => value !== undefined);
    const extra = given.length === 0 ? [] : ['--extra-vars', JSON.stringify(Object.fromEntries(given))];
    const args = [`ansible/playbooks/${name}.yml`, ...this.#common, '--limit', limit, ...extra];
    return { program: 'ansible-playbook', args };
  }

  /** Runs a command on a host as root, without a shell, over the same connection as playbooks. */
  remote(host: string, argv: readonly string[], more: Pick<Command, 'accepts' | 'judge'> = {}): Command {
    const module = ['--become', '--module-name', 'ansible.builtin.command', '--args', JSON.stringify({ argv })];
    return { program: 'ansible', args: [host, ...this.#common, ...module], ...more };
  }

  /** Runs whisper-backup on a host, as root with the host's own configuration. */
  tool(host: string, args: readonly string[], more: Pick<Command, 'accepts' | 'judge'> = {}): Command {
    return this.remote(host, ['/usr/local/bin/whisper-backup', ...args], more);
  }
}
