import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { UsageError } from '../config/errors.ts';
import { reasonOf } from '../lib/common/errors.ts';
import { printable } from '../lib/common/printable.ts';
import { checkout } from './fleet/checkout.ts';
import { drillReport } from './fleet/drill-report.ts';
import { matchingHosts, requireOneHost } from './fleet/matching-hosts.ts';
import {
  checkGiven,
  type Given,
  isForPruners,
  isRequestName,
  isSet,
  limitOf,
  type RequestName,
  requestNames,
  requestOf,
} from './fleet/request.ts';
import { runbookArguments } from './fleet/runbook-arguments.ts';
import { start } from './fleet/start.ts';

/*
 * `bastion.ts TARGET` runs the fleet targets of the Makefile. The make variables come from the environment; an empty one
 * counts as not set. Exits with Ansible's exit code, or with 2 if nothing was started.
 */

const fleet = join(checkout, '.fleet');

try {
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  process.exitCode = await main(process.argv[2] ?? '', given);
} catch (error) {
  process.stderr.write(`${printable(reasonOf(error))}\n`);
  process.exitCode = 2;
}

async function main(name: string, environment: Readonly<Record<string, string | undefined>>): Promise<number> {
  const given = givenIn(environment);
  checkGiven(given);
  if (name === 'runbook') return start(process.execPath, runbookArguments(environment['RUNBOOK'] ?? '', given));
  if (!isRequestName(name)) throw new UsageError(`Unknown target "${name}": use one of ${requestNames.join(', ')}`);
  const request = requestOf(name, given);
  const hosts = hostsOf(name, given);
  if (request.question !== undefined && !isSet(given.YES) && !(await confirm(request.question, hosts.length))) {
    process.stderr.write('Nothing was done.\n');
    return 2;
  }
  const { program, args } = request;
  if (name === 'status') return status(program, args, hosts, isSet(environment['JSON']));
  const began = new Date();
  const code = await start(program, args);
  return name === 'drill' ? Math.max(code, await showDrill(began)) : code;
}

function givenIn(environment: Readonly<Record<string, string | undefined>>): Given {
  const { HOST, GROUP, METRICS, DATE, DRY_RUN, INVENTORY, RELEASE, ADOPT, SAMPLE, ARGS, ANSIBLE_ARGS, YES } =
    environment;
  return { HOST, GROUP, METRICS, DATE, DRY_RUN, INVENTORY, RELEASE, ADOPT, SAMPLE, ARGS, ANSIBLE_ARGS, YES };
}

function hostsOf(name: RequestName, given: Given): readonly string[] {
  const choice = { inventory: given.INVENTORY, withPruners: isForPruners(name) };
  if (given.HOST === undefined) return matchingHosts({ ...choice, limit: limitOf(given) });
  requireOneHost(given.HOST, choice);
  return [given.HOST];
}

async function confirm(question: string, hosts: number): Promise<boolean> {
  const full = `${question} (${hosts === 1 ? '1 host' : `${hosts} hosts`})`;
  if (!process.stdin.isTTY)
    throw new UsageError(`Cannot ask "${full}?": standard input is not a terminal. Set YES=1 to confirm`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${full}? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Collects the statuses and prints them as a table. A host without a status is in the table too. */
async function status(
  program: string,
  args: readonly string[],
  hosts: readonly string[],
  json: boolean,
): Promise<number> {
  const directory = join(fleet, 'status');
  const log = join(fleet, 'status.log');
  await rm(directory, { recursive: true, force: true });
  await mkdir(fleet, { recursive: true });
  const code = await start(program, args, log);
  if ((await readdir(directory).catch(() => [])).length === 0) {
    process.stderr.write(await readFile(log, 'utf8'));
    throw new Error(`No host reported its status: Ansible exited with code ${code}; its output is above`);
  }
  const show = ['--import', 'tsx', join(checkout, 'scripts/fleet-status.ts'), directory, ...hosts];
  return start(process.execPath, [...show, ...(json ? ['--json'] : [])]);
}

async function showDrill(since: Date): Promise<number> {
  try {
    process.stdout.write(`${await drillReport(join(fleet, 'drill'), since)}\n`);
    return 0;
  } catch (error) {
    // The error contains the report.
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  }
}
