import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runTypeScript } from '../../fixtures/runtime.ts';
import type { Scratch } from '../../fixtures/scratch.ts';
import type { Ended } from '../cli/program.ts';

/** One call of `ansible` or `ansible-playbook`. */
export type Call = readonly string[];

/** Records how it was called, then does what the test has prepared for the n-th call. */
const STAND_IN = `#!/bin/sh
case "$*" in *--list-hosts*)
  # Every name is that of one host.
  while [ "$#" -gt 1 ] && [ "$1" != --limit ]; do shift; done
  printf '  hosts (1):\\n    %s\\n' "$2"
  exit 0 ;;
esac
{ printf '%s' "\${0##*/}"; for argument in "$@"; do printf '\\t%s' "$argument"; done; printf '\\n'; } >> "$STAND_IN/calls"
calls=$(wc -l < "$STAND_IN/calls")
if [ -f "$STAND_IN/answer.$calls" ]; then . "$STAND_IN/answer.$calls"; fi
if [ "\${0##*/}" = ansible ]; then
  echo "$1 | CHANGED | rc=0 >>"
  echo '{"command":"verify","counts":{"gone":0}}'
fi
`;

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A bastion without hosts: stand-ins for Ansible come first in its PATH. */
export class Bastion {
  readonly #scratch: Scratch;
  readonly fleet: string;

  private constructor(scratch: Scratch) {
    this.#scratch = scratch;
    this.fleet = scratch.at('fleet');
  }

  static async create(scratch: Scratch): Promise<Bastion> {
    await mkdir(scratch.at('bin'), { recursive: true });
    for (const name of ['ansible', 'ansible-playbook']) {
      await writeFile(scratch.at('bin', name), STAND_IN);
      await chmod(scratch.at('bin', name), 0o755);
    }
    return new Bastion(scratch);
  }

  /** What the n-th call from now on does, in shell. */
  async answer(call: number, script: string): Promise<void> {
    await writeFile(this.#scratch.at(`answer.${call}`), script);
  }

  async calls(): Promise<Call[]> {
    const text = await readFile(this.#scratch.at('calls'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  }

  /** How a runbook is typed, on the runtime that runs the test. */
  typed(name: string, args: readonly string[]): string[] {
    const script = `${root}/scripts/runbooks/${name}.ts`;
    return [process.execPath, ...runTypeScript, script, '--fleet-dir', this.fleet, ...args];
  }

  get environment(): Record<string, string> {
    return {
      PATH: `${this.#scratch.at('bin')}:${process.env['PATH'] ?? ''}`,
      HOME: process.env['HOME'] ?? '/',
      STAND_IN: this.#scratch.path,
      TERM: 'xterm',
    };
  }

  /** Runs a runbook to its end, with nobody at the terminal. */
  run(name: string, ...args: readonly string[]): Promise<Ended> {
    const [program = '', ...words] = this.typed(name, args);
    return ended(spawn(program, words, { cwd: root, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  /** The same on a terminal, where these keys are typed, each when its question stands there. */
  onTerminal(name: string, args: readonly string[], answers: readonly (readonly [string, string])[]): Promise<Ended> {
    const line = this.typed(name, args)
      .map((word) => `'${word}'`)
      .join(' ');
    const script = spawn('/usr/bin/script', ['-qec', line, '/dev/null'], {
      cwd: root,
      env: this.environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const left = [...answers];
    let shown = '';
    script.stdout.on('data', (chunk) => {
      shown += String(chunk).replace(/\x1b\[[\d;?]*[A-Za-z]/g, '');
      const [next] = left;
      // The terminal may draw letter by letter, each on a line of its own.
      if (!next || !shown.replace(/\s/g, '').includes(next[0].replace(/\s/g, ''))) return;
      left.shift();
      shown = '';
      script.stdin.write(next[1]);
    });
    return ended(script);
  }
}

function ended(child: ReturnType<typeof spawn>): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
