import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The checkout on the bastion, which playbooks and reports are found in. */
export const checkout: string = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Ansible's settings, unless others were named. */
export const ansibleConfig = 'ansible/ansible.cfg';

/** The environment of Ansible's programs. `ansible` prints its own format, whatever callback the settings name. */
export function ansibleEnvironment(): NodeJS.ProcessEnv {
  return { ANSIBLE_CONFIG: `${checkout}/${ansibleConfig}`, ...process.env, ANSIBLE_LOAD_CALLBACK_PLUGINS: '0' };
}
