import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { $ } from 'zx/core';
import { runtimes } from './program.ts';
import type { Results } from './results.ts';

/** Describes the machine. */
export function machine(directory: string): Results['machine'] {
  const system = /^PRETTY_NAME="?(.*?)"?$/m.exec(outputOf('cat', '/etc/os-release'))?.[1] ?? process.platform;
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: totalmem(),
    system: `${system}, kernel ${release()}`,
    fileSystem: outputOf('df', '--output=fstype', directory).split('\n')[1] ?? 'unknown',
  };
}

/**
 * Returns the versions of all installed programs, as they report them.
 *
 * @param node path of the release's Node.
 */
export function versions(node: string): Record<string, string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const library = (name: string): string => outputOf('dpkg-query', '--show', name).split('\t')[1] ?? '';
  const all: Record<string, string> = {
    'whisper-backup': String(version),
    'Node of the release': firstLine(outputOf(node, '--version')),
    'Node of the machine': `v${process.versions.node}`,
    Deno: firstLine(outputOf(runtimes.deno[0] ?? '', '--version')),
    libdeflate: library('libdeflate0'),
    'ISA-L': library('libisal2'),
    libzstd: library('libzstd1'),
    restic: firstLine(outputOf('restic', 'version')),
    borg: firstLine(outputOf('borg', '--version')),
    rclone: firstLine(outputOf('rclone', 'version')),
    tar: firstLine(outputOf('tar', '--version')),
    gzip: firstLine(outputOf('gzip', '--version')),
    igzip: firstLine(outputOf('igzip', '--version')),
    Python: firstLine(outputOf('/usr/bin/python3', '--version')),
  };
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== ''));
}

/** Returns the current commit, and whether files differ from it. */
export function commit(): string {
  const root = new URL('../..', import.meta.url).pathname;
  const head = outputOf('git', '-C', root, 'rev-parse', '--short=12', 'HEAD');
  if (head === '') return 'unknown';
  return outputOf('git', '-C', root, 'status', '--porcelain', '--', 'lib', 'scripts', 'config', 'package-lock.json') ===
    ''
    ? head
    : `${head}, edited`;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').trim();
}

/** Returns the standard output of a program; empty if it fails or is missing. */
function outputOf(program: string, ...args: readonly string[]): string {
  const { ok, stdout } = $.sync({
    nothrow: true,
    quiet: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })`${program} ${args}`;
  return ok ? stdout.trim() : '';
}
