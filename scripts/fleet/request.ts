import { resolve } from 'node:path';
import { UsageError } from '../../config/errors.ts';
import { ansibleArguments, hasTemplate } from './ansible-arguments.ts';
import { splitWords } from './words.ts';

/** The variables of a make call: `HOST=h1 DRY_RUN=1`. */
export interface Given {
  readonly HOST?: string | undefined;
  readonly GROUP?: string | undefined;
  readonly METRICS?: string | undefined;
  readonly DATE?: string | undefined;
  readonly DRY_RUN?: string | undefined;
  readonly INVENTORY?: string | undefined;
  readonly RELEASE?: string | undefined;
  readonly ADOPT?: string | undefined;
  readonly SAMPLE?: string | undefined;
  /** Extra arguments of a restore, verify, list, prune or runbook, or the action of a hold, split like shell words without expansion. */
  readonly ARGS?: string | undefined;
  /** Extra arguments of Ansible, split the same way. */
  readonly ANSIBLE_ARGS?: string | undefined;
  readonly YES?: string | undefined;
}

/** An Ansible program, and the question to ask before it starts. */
export interface Request {
  readonly program: 'ansible-playbook' | 'ansible';
  readonly args: readonly string[];
  /** @default no question */
  readonly question?: string;
}

export const requestNames = [
  'deploy',
  'rollback',
  'backup',
  'status',
  'list',
  'restore',
  'verify',
  'doctor',
  'drill',
  'prune',
  'hold',
  'remove',
] as const;
export type RequestName = (typeof requestNames)[number];

export function isRequestName(name: string): name is RequestName {
  return requestNames.some((one) => one === name);
}

/** Returns whether the target also applies to the hosts of the group whisper_backup_pruners, which need no Whisper tree. */
export function isForPruners(name: RequestName): boolean {
  return name === 'deploy' || name === 'rollback' || name === 'remove';
}

/** @throws UsageError if Ansible would evaluate a value, or read it as an option. */
export function checkGiven(given: Given): void {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string' || name === 'ANSIBLE_ARGS') continue;
    if (hasTemplate(value))
      throw new UsageError(`${name}= must not contain {{, {% or {#, which Ansible evaluates: got ${value}`);
  }
  for (const name of ['HOST', 'GROUP', 'INVENTORY'] as const)
    if (given[name]?.startsWith('-')) throw new UsageError(`${name}= must not start with -: got ${given[name]}`);
  limitOf(given);
}

/**
 * Converts a make target to a call of Ansible. Values are passed as JSON or as single arguments, so that no shell or
 * playbook can split or evaluate them. They must have passed {@link checkGiven}.
 *
 * @throws UsageError if the target needs a host, or a value is not allowed for it.
 */
export function requestOf(name: RequestName, given: Given): Request {
  const isDry = isSet(given.DRY_RUN);
  const where = `on ${given.HOST ?? given.GROUP ?? 'EVERY HOST of the inventory'}`;
  switch (name) {
    case 'deploy': {
      const variables = {
        ...(given.RELEASE !== undefined && { whisper_backup_release: resolve(given.RELEASE) }),
        ...(isSet(given.ADOPT) && { adopt: true }),
      };
      const request = playbook('deploy', given, variables, isDry);
      const isNarrow = limitOf(given) !== undefined;
      return isDry || isNarrow ? request : { ...request, question: `Roll out ${where}` };
    }
    case 'rollback':
    case 'remove': {
      const what = name === 'rollback' ? 'Go back to the previous release' : 'Remove whisper-backup, not its backups,';
      const request = playbook(name, given, {}, isDry);
      return isDry ? request : { ...request, question: `${what} ${where}` };
    }
    case 'backup':
      return playbook('run', given, { ...selection(given), ...(isDry && { dry_run: true }) });
    case 'restore': {
      needPlace(name, given);
      const restoreArgs = splitWords(given.ARGS ?? '', 'ARGS=');
      const variables = {
        ...selection(given),
        ...(isDry && { dry_run: true }),
        ...(restoreArgs.length > 0 && { restore_args: restoreArgs }),
      };
      const request = playbook('restore', given, variables);
      const what = `Restore ${given.METRICS ?? 'ALL METRICS'} as of ${given.DATE ?? 'the newest backup'}`;
      return isDry ? request : { ...request, question: [what, where, ...restoreArgs].join(' ') };
    }
    case 'prune': {
      const pruneArgs = splitWords(given.ARGS ?? '', 'ARGS=');
      const { metrics } = selection(given);
      refuseExpansion(name, [...pruneArgs, metrics ?? '']);
      if (given.DATE !== undefined)
        throw new UsageError('make prune does not use DATE=: the rules of the hosts say what is due');
      if (pruneArgs.includes('--force')) needPlace('prune ARGS=--force', given);
      const request = playbook('prune', given, {
        ...(metrics !== undefined && { metrics }),
        ...(isDry && { dry_run: true }),
        ...(pruneArgs.length > 0 && { prune_args: pruneArgs }),
      });
      const what = `Delete backups of ${given.METRICS ?? 'ALL METRICS'} that the rules no longer keep`;
      return isDry ? request : { ...request, question: [what, where, ...pruneArgs].join(' ') };
    }
    case 'hold': {
      needPlace(name, given);
      const holdArgs = holdArguments(given);
      refuseExpansion(name, [...holdArgs, ...Object.values(selection(given))]);
      const request = playbook('hold', given, {
        ...selection(given),
        ...(isDry && { dry_run: true }),
        hold_args: holdArgs,
      });
      const isRelease = holdArgs[0] === 'release' && !isDry;
      return isRelease
        ? { ...request, question: ['Release the hold', ...holdArgs.slice(1), where].join(' ') }
        : request;
    }
    case 'drill':
      return playbook('drill', given, {
        ...selection(given),
        ...(given.SAMPLE !== undefined && { drill_sample: given.SAMPLE }),
      });
    case 'status':
      return playbook('status', given, {});
    case 'list':
    case 'verify':
    case 'doctor': {
      if (name === 'list') needPlace(name, given);
      const { metrics, date } = selection(given);
      const argv = ['/usr/local/bin/whisper-backup', name, ...splitWords(given.ARGS ?? '', 'ARGS=')];
      if (metrics !== undefined) argv.push(`--metrics=${metrics}`);
      if (date !== undefined) argv.push(`--date=${date}`);
      refuseExpansion(name, argv);
      return {
        program: 'ansible',
        args: [
          'graphite',
          ...commonOf(given),
          ...['--become', '--module-name', 'ansible.builtin.command', '--args', JSON.stringify({ argv })],
        ],
      };
    }
  }
}

function playbook(name: string, given: Given, variables: Readonly<Record<string, unknown>>, isCheck = false): Request {
  return {
    program: 'ansible-playbook',
    args: [
      `ansible/playbooks/${name}.yml`,
      ...commonOf(given),
      ...(isCheck ? ['--check', '--diff'] : []),
      ...(Object.keys(variables).length === 0 ? [] : ['--extra-vars', JSON.stringify(variables)]),
    ],
  };
}

function selection({ METRICS, DATE }: Given): { readonly metrics?: string; readonly date?: string } {
  return { ...(METRICS !== undefined && { metrics: METRICS }), ...(DATE !== undefined && { date: DATE }) };
}

/** @throws UsageError if Ansible's module `command` would expand a word. */
function refuseExpansion(name: string, words: readonly string[]): void {
  const expanded = words.find((word) => /\$[\w{]|^~/.test(word));
  if (expanded !== undefined)
    throw new UsageError(`Cannot ${name}: Ansible would expand ~ or a variable in ${expanded} on the host`);
}

/** @throws UsageError if they are not those of one of the three actions, or select metrics or a date where no hold is added. */
function holdArguments({ ARGS, METRICS, DATE }: Given): readonly string[] {
  const words = splitWords(ARGS ?? 'list', 'ARGS=');
  const [action = '', name = ''] = words;
  const isNamed = /^[^-]/.test(name);
  if (action === 'list' ? isNamed : !(['add', 'release'].includes(action) && isNamed))
    throw new UsageError(
      `Cannot run hold: ARGS= must be list, or begin with add NAME or release NAME: got ${JSON.stringify(words.join(' '))}`,
    );
  if (action !== 'add' && (METRICS ?? DATE) !== undefined)
    throw new UsageError(`Cannot ${action} holds by METRICS= or DATE=: only add has them`);
  return words;
}

/** Returns the arguments that select hosts and log in. */
function commonOf(given: Given): readonly string[] {
  const { ANSIBLE_ARGS, INVENTORY } = given;
  const limit = limitOf(given);
  return [
    ...(INVENTORY === undefined ? [] : ['--inventory', INVENTORY]),
    ...(limit === undefined ? [] : ['--limit', limit]),
    ...ansibleArguments(ANSIBLE_ARGS, 'ANSIBLE_ARGS='),
  ];
}

export function limitOf({ HOST, GROUP }: Given): string | undefined {
  if (HOST !== undefined && GROUP !== undefined)
    throw new UsageError('Cannot select hosts: give HOST= or GROUP=, not both');
  return HOST ?? GROUP;
}

function needPlace(name: string, given: Given): void {
  if (limitOf(given) === undefined) throw new UsageError(`Cannot ${name}: no host selected; give HOST= or GROUP=`);
}

/** Returns whether a variable is set to anything but 0, no or false. */
export function isSet(value: string | undefined): boolean {
  return value !== undefined && !['0', 'no', 'false'].includes(value.toLowerCase());
}
