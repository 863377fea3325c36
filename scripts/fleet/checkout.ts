import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Path of the checkout on the bastion, with playbooks and reports. */
export const checkout: string = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Ansible's configuration, unless ANSIBLE_CONFIG is set. */
export const ansibleConfig = 'ansible/ansible.cfg';

/** Returns the environment for Ansible. Callback plugins are off for `ansible`, because its default output is parsed. */
export function ansibleEnvironment(): NodeJS.ProcessEnv {
  return { ANSIBLE_CONFIG: `${checkout}/${ansibleConfig}`, ...process.env, ANSIBLE_LOAD_CALLBACK_PLUGINS: '0' };
}
