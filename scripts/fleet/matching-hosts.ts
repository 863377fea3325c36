import { $ } from 'zx/core';
import { UsageError } from '../../config/errors.ts';
import { WhisperBackupError } from '../../lib/common/errors.ts';
import { ansibleEnvironment, checkout } from './checkout.ts';
import { COMMAND_NOT_FOUND } from './start.ts';

export interface HostChoice {
  /** Path of an inventory. @default the inventory of Ansible's configuration */
  readonly inventory?: string | undefined;
  /** A host, a group or a pattern. @default all */
  readonly limit?: string | undefined;
  /** Whether those of the group `whisper_backup_pruners` count too. @default false */
  readonly withPruners?: boolean;
}

/**
 * Lists the selected hosts of the group `graphite` with Ansible. Ansible itself exits with 0 if there are none.
 *
 * @throws WhisperBackupError `NO_HOSTS` if there are none, with Ansible's message.
 */
export function matchingHosts({ inventory, limit, withPruners = false }: HostChoice): readonly string[] {
  const args = [withPruners ? 'graphite:whisper_backup_pruners' : 'graphite', '--list-hosts'];
  if (inventory !== undefined) args.push('--inventory', inventory);
  if (limit !== undefined) args.push('--limit', limit);
  const env = { ...ansibleEnvironment(), ANSIBLE_NOCOLOR: '1' };
  const ansible = $.sync({ cwd: checkout, env, nothrow: true, quiet: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const { exitCode, stdout, stderr } = ansible`exec ansible ${args}`;
  if (exitCode === COMMAND_NOT_FOUND) throw new Error(`Cannot start ansible: ${oneLine(stderr)}: install ansible-core`);
  const hosts = [...stdout.matchAll(/^ {4}(\S+)$/gm)].map(([, name = '']) => name);
  if (hosts.length > 0) return hosts;
  const what = limit === undefined ? 'any host' : `"${limit}"`;
  const where = inventory === undefined ? "Ansible's default inventory" : `the inventory ${inventory}`;
  throw new WhisperBackupError(
    'NO_HOSTS',
    `Cannot find ${what} in the group graphite of ${where}: check the inventory and the name. Ansible reports: ${oneLine(stderr)}`,
  );
}

/**
 * Checks that a name belongs to exactly one host.
 *
 * @throws UsageError if it is a group or a pattern.
 */
export function requireOneHost(name: string, choice: Omit<HostChoice, 'limit'>): void {
  const hosts = matchingHosts({ ...choice, limit: name });
  if (hosts.length === 1 && hosts[0] === name) return;
  const names = hosts.length > 5 ? `${hosts.slice(0, 5).join(', ')} and ${hosts.length - 5} more` : hosts.join(', ');
  throw new UsageError(
    `Cannot use "${name}": it is a group or pattern that matches ${names}. Give the name of one host`,
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim() || 'nothing';
}
