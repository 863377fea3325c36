/** One command of a step, run on the bastion. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Exit codes of a command on a host that count as success. @default [0] */
  readonly accepts?: readonly number[];
  /** Matches output that means there was nothing to do, which counts as success. */
  readonly forgives?: RegExp;
  /** Checks the output. @returns the problem, or undefined. */
  readonly judge?: (output: string) => string | undefined;
}

/** One step of a runbook. Must be repeatable: a resumed runbook repeats the step where it stopped. */
export interface Step {
  /** Unique in its plan: `restore`, or `restore 2` if there are several. */
  readonly id: string;
  /** One sentence without a full stop. */
  readonly title: string;
  /** Run one after another; empty if a person does the step. */
  readonly commands: readonly Command[];
  /** Question to ask first, because the step changes data or waits for someone. */
  readonly asks?: string;
  /** The unusual state that the step causes, until another step frees it. */
  readonly holds?: string;
  /** Ids of the steps whose `holds` this step ends. */
  readonly frees?: readonly string[];
  /** Returns text to print after the commands, even if they failed. @param since start of the run. */
  readonly report?: (since: Date) => Promise<string>;
}

/** The steps of a runbook. */
export interface Plan {
  readonly steps: readonly Step[];
  /** What will be lost or must be done by hand, one sentence each. */
  readonly mind: readonly string[];
}

/** A disaster or a rehearsal, and its plan. */
export interface Runbook {
  readonly name: string;
  readonly title: string;
  readonly options: readonly RunbookOption[];
  /** Whether a stopped run needs no repair, so that the next one starts again unless it resumes. @default false */
  readonly isRehearsal?: boolean;
  /** @throws UsageError if options contradict each other. */
  plan(values: Values): Plan;
}

export interface RunbookOption {
  readonly name: string;
  /** Placeholder of the value in the help. An option without it is a flag. */
  readonly value?: string;
  readonly isMany?: boolean;
  readonly isRequired?: boolean;
  /** `host`: one host, checked before anything runs. `hosts`: a host or a group. @default 'text' */
  readonly kind?: 'host' | 'hosts' | 'date' | 'text';
  /** A flag that allows a host which is no longer in the inventory. */
  readonly unless?: string;
  readonly text: string;
}

/** The validated options. */
export interface Values {
  /** @throws UsageError if it is missing. */
  required(name: string): string;
  one(name: string): string | undefined;
  all(name: string): readonly string[];
  is(name: string): boolean;
}
