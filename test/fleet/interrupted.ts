import type { Ended } from '../hosts/command.ts';
import type { Site } from './site.ts';

/**
 * Runs a runbook on the bastion until a step is under way, then interrupts it as Ctrl-C does.
 *
 * @param step the id of the step.
 */
export function interruptedRunbook(site: Site, name: string, args: readonly string[], step: string): Promise<Ended> {
  const runbook = [process.execPath, '--import', 'tsx', `scripts/runbooks/${name}.ts`, ...args];
  return site.bastion(['sh', '-c', INTERRUPTING, site.scratch.at('interrupted.log'), step, ...runbook]);
}

/** A playbook is interrupted while the unit runs on the host, another command when it has had a second to begin. */
const INTERRUPTING = `
  step=$1; shift
  "$@" >"$0" 2>&1 </dev/null & pid=$!
  for i in $(seq 1200); do
    kill -0 $pid || break
    begun=$(sed -n "/^\\[[0-9]*\\/[0-9]*\\] $step:/,\\$p" "$0")
    case $begun in
      *'$ ansible-playbook '*'TASK ['*'Run it to its end]'*) break ;;
      *'$ ansible '*) sleep 1; break ;;
    esac
    sleep 0.1
  done
  kill -INT $pid
  wait $pid; code=$?
  cat "$0"
  exit $code`;
