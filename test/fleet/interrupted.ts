import type { Ended } from '../hosts/command.ts';
import { type Site, scriptCommand } from './site.ts';

/** How a runbook ended, and at which steps it was interrupted before, in order. */
export interface Interrupted extends Ended {
  readonly interruptions: readonly string[];
}

/**
 * Runs a runbook on the bastion to its end. Ctrl-C interrupts it in the midst of every step that runs a command, and
 * --resume goes on after each.
 */
export async function interruptedAtEachStep(site: Site, name: string, args: readonly string[]): Promise<Interrupted> {
  const interruptions: string[] = [];
  for (;;) {
    const resume = interruptions.length === 0 ? [] : ['--resume'];
    const ended = await interruptedOnce(site, name, [...args, ...resume], interruptions);
    const stopped = /^Stopped at step '(.*)': interrupted$/m.exec(ended.stdout)?.[1];
    if (ended.code !== 130 || stopped === undefined || interruptions.includes(stopped))
      return { ...ended, interruptions };
    interruptions.push(stopped);
  }
}

/** Interrupts a runbook at its first step with a command that is none of these. */
function interruptedOnce(site: Site, name: string, args: readonly string[], known: readonly string[]): Promise<Ended> {
  const runbook = scriptCommand(`runbooks/${name}`, args);
  const interrupt = new AbortController();
  let output = '';
  const onOutput = (text: string): void => {
    output += text;
    if (isAtWork(output, known)) interrupt.abort();
  };
  return site.bastion(['bash', '-c', INTERRUPTIBLE, ...runbook], { onOutput, inputUntil: interrupt.signal });
}

/** Whether a step that is none of these has begun its work. */
function isAtWork(output: string, known: readonly string[]): boolean {
  const steps = output.split(/^(?=\[\d+\/\d+\] )/m).slice(1);
  return steps.some((step) => !known.includes(/ (.*?): /.exec(step)?.[1] ?? '') && AT_WORK.test(step));
}

/** A command on a host, or the task of a playbook that changes most. */
const AT_WORK =
  /^\$ ansible |^TASK \[.*(Unpack it|Let the next backup adopt the bucket|Run it to its end|Run the drill|Ask the host)\]/m;

/**
 * When standard input ends, waits until Ansible talks to the host, and interrupts all processes of the command, as a
 * terminal does.
 */
const INTERRUPTIBLE = `
  set -m
  "$0" "$@" </dev/null & command=$!
  {
    read -r
    for i in {1..60}; do pgrep --pgroup $command --exact ssh && break; sleep 0.05; done
    sleep 0.2
    kill -INT -- -$command
  } >/dev/null 2>&1 & interrupter=$!
  wait $command; code=$?
  kill $interrupter 2>/dev/null
  exit $code`;
