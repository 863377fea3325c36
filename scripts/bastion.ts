import { spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '../lib/errors.ts';
import { printable } from '../lib/printable.ts';
import { isRequestName, type Request, RequestError, requestNames, requestOf } from './bastion/request.ts';

/*
 * `bastion.ts TARGET`: what the fleet's targets of the Makefile do. What make was given stands in the environment; an
 * empty value is none. Ends with Ansible's exit code, and with 2 when nothing was started.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

try {
  process.exitCode = await main(process.argv[2] ?? '');
} catch (error) {
  process.stderr.write(`${printable(reasonOf(error))}\n`);
  process.exitCode = 2;
}

async function main(name: string): Promise<number> {
  if (!isRequestName(name)) throw new RequestError(`Cannot do "${name}": it is none of ${requestNames.join(', ')}`);
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  const request = requestOf(name, given);
  if (request.question !== undefined && given['YES'] !== '1' && !(await confirmed(request.question))) {
    process.stderr.write('Nothing was done.\n');
    return 2;
  }
  return run(request);
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new RequestError(`${question}: nobody is there to ask; YES=1 says yes`);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question(`${question}? [y/N] `);
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
}

function run({ program, args }: Request): number {
  const env = { ANSIBLE_CONFIG: `${root}ansible/ansible.cfg`, ...process.env };
  const { error, status } = spawnSync(program, args, { cwd: root, env, stdio: 'inherit' });
  if (error) throw new Error(`Cannot start ${program}: ${error.message}: install ansible-core`, { cause: error });
  return status ?? 1;
}
