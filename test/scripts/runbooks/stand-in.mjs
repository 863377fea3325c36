// What stands in for Ansible on hosts that are directories. Plain JavaScript, so that it starts quickly.
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import process from 'node:process';

const TOOL = '/usr/local/bin/whisper-backup';
const [world = '', program = '', ...args] = process.argv.slice(2);
const { root, tool } = JSON.parse(world);
if (args.includes('--list-hosts')) process.stdout.write(`  hosts (1):\n    ${argumentOf('--limit')}\n`);
else process.exitCode = program === 'ansible' ? runModule() : runPlaybook();

function runModule() {
  const [host = ''] = args;
  const [command = '', ...rest] = JSON.parse(argumentOf('--args')).argv;
  const { code, output } = command === 'systemctl' ? note(host, rest) : run(host, command, rest);
  process.stdout.write(`${host} | ${code === 0 ? 'CHANGED' : 'FAILED'} | rc=${code} >>\n${output}\n`);
  return code === 0 ? 0 : 2;
}

function runPlaybook() {
  const host = argumentOf('--limit');
  const given = args.includes('--extra-vars') ? JSON.parse(argumentOf('--extra-vars')) : {};
  const playbook = /(\w+)\.yml$/.exec(args[0] ?? '')?.[1] ?? '';
  const restoring = ['restore', '--metrics', given.metrics];
  if (given.date) restoring.push('--date', given.date);
  if (given.dry_run) restoring.push('--dry-run');
  const command = { run: ['backup'], restore: [...restoring, ...(given.restore_args ?? [])] }[playbook];
  const { code, output } = command ? run(host, TOOL, command) : note(host, [playbook, JSON.stringify(given)]);
  process.stdout.write(output);
  return code === 0 ? 0 : 2;
}

function argumentOf(name) {
  return args[args.indexOf(name) + 1] ?? '';
}

/** The tool may be named inside a script, too. */
function run(host, command, words) {
  const quoted = tool.map((word) => `'${word}'`).join(' ');
  const [first, ...rest] = command === TOOL ? tool : [command];
  const { status, stdout, stderr } = spawnSync(first, [...rest, ...words.map((word) => word.replace(TOOL, quoted))], {
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: '/', WHISPER_BACKUP_CONFIG: `${root}/${host}/config.json` },
    encoding: 'utf8',
  });
  // As Ansible does it.
  return { code: status ?? 1, output: `${stdout.trimEnd()}${stderr}` };
}

function note(host, words) {
  appendFileSync(`${root}/services`, `${host} ${words.join(' ')}\n`);
  return { code: 0, output: '' };
}
