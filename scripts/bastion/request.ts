/** What an operator gave to make: `HOST=h1 DRY_RUN=1`. */
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
  /** Further arguments of a restore, verify or list, with spaces between. */
  readonly ARGS?: string | undefined;
}

/** A program of Ansible's, and what is to be asked before it starts. */
export interface Request {
  readonly program: 'ansible-playbook' | 'ansible';
  readonly args: readonly string[];
  /** @default nothing is asked */
  readonly question?: string;
}

/** What the operator typed cannot be done. */
export class RequestError extends Error {}

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
  'remove',
] as const;
export type RequestName = (typeof requestNames)[number];

export function isRequestName(name: string): name is RequestName {
  return requestNames.some((one) => one === name);
}

/**
 * Turns a target of the Makefile into a call of Ansible. Values go as JSON or as arguments of their own, so that no shell
 * and no playbook takes a part of them for something else.
 *
 * @throws RequestError when the target needs a host, or when a value has no meaning for it.
 */
export function requestOf(name: RequestName, given: Given): Request {
  const isDry = isSet(given.DRY_RUN);
  const where = `on ${given.HOST ?? given.GROUP ?? 'EVERY HOST of the inventory'}`;
  switch (name) {
    case 'deploy': {
      const variables = {
        ...(given.RELEASE !== undefined && { whisper_backup_release: given.RELEASE }),
        ...(isSet(given.ADOPT) && { adopt: true }),
      };
      const request = playbook('deploy', given, variables, isDry);
      const isNarrow = limitOf(given) !== undefined;
      return isDry || isNarrow ? request : { ...request, question: `Roll out ${where}` };
    }
    case 'rollback':
    case 'remove': {
      const what = name === 'rollback' ? 'Go back to the release before' : 'Remove whisper-backup, not its backups,';
      const request = playbook(name, given, {}, isDry);
      return isDry ? request : { ...request, question: `${what} ${where}` };
    }
    case 'backup':
      return playbook('run', given, { ...selection(given), ...(isDry && { dry_run: true }) });
    case 'restore': {
      needPlace(name, given);
      const restoreArgs = words(given.ARGS);
      const variables = {
        ...selection(given),
        ...(isDry && { dry_run: true }),
        ...(restoreArgs.length > 0 && { restore_args: restoreArgs }),
      };
      const request = playbook('restore', given, variables);
      const what = `Restore ${given.METRICS ?? 'ALL METRICS'} as of ${given.DATE ?? 'the newest backup'}`;
      return isDry ? request : { ...request, question: [what, where, ...restoreArgs].join(' ') };
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
      const argv = ['/usr/local/bin/whisper-backup', name, ...words(given.ARGS)];
      if (metrics !== undefined) argv.push('--metrics', metrics);
      if (date !== undefined) argv.push('--date', date);
      return {
        program: 'ansible',
        args: [
          limitOf(given) ?? 'graphite',
          ...inventoryOf(given),
          ...['--become', '--module-name', 'ansible.builtin.command', '--args', JSON.stringify({ argv })],
        ],
      };
    }
  }
}

function playbook(name: string, given: Given, variables: Readonly<Record<string, unknown>>, isCheck = false): Request {
  const limit = limitOf(given);
  return {
    program: 'ansible-playbook',
    args: [
      `ansible/playbooks/${name}.yml`,
      ...inventoryOf(given),
      ...(limit === undefined ? [] : ['--limit', limit]),
      ...(isCheck ? ['--check', '--diff'] : []),
      ...(Object.keys(variables).length === 0 ? [] : ['--extra-vars', JSON.stringify(variables)]),
    ],
  };
}

function selection({ METRICS, DATE }: Given): { readonly metrics?: string; readonly date?: string } {
  return { ...(METRICS !== undefined && { metrics: METRICS }), ...(DATE !== undefined && { date: DATE }) };
}

function inventoryOf({ INVENTORY }: Given): readonly string[] {
  return INVENTORY === undefined ? [] : ['--inventory', INVENTORY];
}

function limitOf({ HOST, GROUP }: Given): string | undefined {
  if (HOST !== undefined && GROUP !== undefined)
    throw new RequestError('Cannot choose: give HOST= or GROUP=, not both');
  return HOST ?? GROUP;
}

function needPlace(name: string, given: Given): void {
  if (limitOf(given) === undefined) throw new RequestError(`Cannot ${name}: say where, with HOST= or GROUP=`);
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

/** `DRY_RUN=0` is not a dry run. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && !['0', 'no', 'false'].includes(value.toLowerCase());
}
