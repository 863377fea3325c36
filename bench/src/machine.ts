import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { runtimes } from './program.ts';
import type { Results } from './results.ts';

/** What the figures were measured on. */
export function machine(directory: string): Results['machine'] {
  const system = /^PRETTY_NAME="?(.*?)"?$/m.exec(said('cat', '/etc/os-release'))?.[1] ?? process.platform;
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: totalmem(),
    system: `${system}, kernel ${release()}`,
    fileSystem: said('df', '--output=fstype', directory).split('\n')[1] ?? 'unknown',
  };
}

/**
 * The version of everything that takes part, as it tells it itself; what is not there is left out.
 *
 * @param node of the release.
 */
export function versions(node: string): Record<string, string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const library = (name: string): string => said('dpkg-query', '--show', name).split('\t')[1] ?? '';
  const all: Record<string, string> = {
    'whisper-backup': String(version),
    'Node of the release': firstLine(said(node, '--version')),
    'Node of the machine': `v${process.versions.node}`,
    Deno: firstLine(said(runtimes.deno[0] ?? '', '--version')),
    libdeflate: library('libdeflate0'),
    'ISA-L': library('libisal2'),
    libzstd: library('libzstd1'),
    restic: firstLine(said('restic', 'version')),
    borg: firstLine(said('borg', '--version')),
    rclone: firstLine(said('rclone', 'version')),
    tar: firstLine(said('tar', '--version')),
    gzip: firstLine(said('gzip', '--version')),
    igzip: firstLine(said('igzip', '--version')),
    Python: firstLine(said('/usr/bin/python3', '--version')),
  };
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== ''));
}

/** The commit that was measured, and whether files were edited since. */
export function commit(): string {
  const root = new URL('../..', import.meta.url).pathname;
  const head = said('git', '-C', root, 'rev-parse', '--short=12', 'HEAD');
  if (head === '') return 'unknown';
  return said('git', '-C', root, 'status', '--porcelain', '--', 'lib', 'scripts', 'config', 'package-lock.json') === ''
    ? head
    : `${head}, edited`;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').trim();
}

/** What a program says on standard output; nothing when it is not there. */
function said(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
