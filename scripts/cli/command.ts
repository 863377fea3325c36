import { UsageError } from '../../config/errors.ts';
import { resolveConfig } from '../../config/layers.ts';
import { isStorage } from '../../config/storage/storage.ts';
import { pathReason, reasonOf, WhisperBackupError } from '../../lib/common/errors.ts';
import { createOutage } from '../../lib/store/decorators/outage.ts';
import { withFilesRemedy } from '../../lib/system/open-files.ts';
import type { Typed } from './argv.ts';
import type { CommandSpec } from './command-table.ts';
import { createLog, type Log } from './io/log.ts';
import { openLogFile } from './io/log-file.ts';
import { standardOutput } from './io/output.ts';
import { catchSignals } from './io/signals.ts';
import { createTerminal, mayColor } from './io/terminal.ts';
import { exitCodeOfError, exitCodeOfOutput } from './run/exit-code.ts';
import type { Invocation } from './run/invocation.ts';
import { leanHeap } from './run/lean-heap.ts';

/** Returns the number of words of a command before the storage. */
function ownWords(command: string, [, action, name = '', storage]: readonly string[]): number {
  if (command === 'hold') {
    if (action === 'list') return 1;
    if (action === 'add' || action === 'release') {
      if (storage !== undefined && isStorage(name) && !isStorage(storage))
        throw new UsageError(`hold ${action} needs the name of a hold before the storage ${name}`);
      return 2;
    }
    throw new UsageError(`hold needs add, list or release: got ${JSON.stringify(action)}`);
  }
  return command === 'fill' ? 2 : command === 'show' ? 1 : 0;
}

/**
 * Resolves the configuration, opens the log, catches signals, and runs the command.
 *
 * @returns the exit code.
 * @throws ConfigError, and errors before the log is opened.
 */
export async function runCommand(typed: Typed, spec: CommandSpec): Promise<number> {
  leanHeap();
  const own = ownWords(spec.name, typed.words);
  const words = typed.words.slice(1, 1 + own);
  const resolved = await resolveConfig({
    flags: { ...typed.values, ...storageOf(typed.words.slice(1 + own)) },
    files: typed.values['config'] ?? [],
    environment: process.env,
    directory: process.cwd(),
  });
  const { config } = resolved;
  const color = !config.noColor && mayColor(process.env, process.stderr.isTTY === true);
  const level = config.debug ? 'debug' : config.quiet ? 'warn' : 'info';
  const terminal = createTerminal({ level, color });
  const log = createLog(terminal, { debug: config.debug });
  const interruption = catchSignals(() => log.reopen());
  const invocation: Invocation = {
    ...resolved,
    words,
    option: (name) => typed.values[name]?.at(-1),
    options: (name) => typed.values[name] ?? [],
    log,
    terminal,
    color,
    output: standardOutput(),
    interruption,
    outage: createOutage(),
  };
  try {
    await openSinks(invocation, spec);
    const code = await (await spec.load()).run(invocation);
    if (invocation.output.failure !== undefined) log.error(reasonOf(invocation.output.failure));
    return exitCodeOfOutput(code, invocation.output);
  } catch (error) {
    return fail(error, invocation, log);
  } finally {
    log.close();
  }
}

function storageOf([storage, ...args]: readonly string[]): Record<string, readonly string[]> {
  if (storage === undefined) return {};
  return args.length > 0 ? { storage: [storage], storageArgs: args } : { storage: [storage] };
}

/** Opens log file and syslog. A default log file that cannot be opened is a warning, a configured one an error. */
async function openSinks({ config, origins, log }: Invocation, spec: CommandSpec): Promise<void> {
  if (config.syslog && spec.logs) log.add((await import('./io/syslog.ts')).openSyslog());
  if (config.nolog || config.noop || !spec.logs) return;
  try {
    log.add(await openLogFile(config.logfile));
  } catch (error) {
    const message = `Cannot write the log file ${config.logfile}: ${pathReason(error)}: see --logfile and --nolog`;
    if (origins.get('logfile') !== 'default') throw new WhisperBackupError('LOG_FILE', message, { cause: error });
    log.warn(message);
  }
}

function fail(error: unknown, { interruption }: Invocation, log: Log): number {
  log.error(withFilesRemedy(reasonOf(interruption.exitCode === undefined ? error : interruption.signal.reason)));
  if (error instanceof Error && error.stack !== undefined) log.debug(error.stack);
  return interruption.exitCode ?? exitCodeOfError(error);
}
