/** One command of a step, as it is run on the bastion. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Which exit codes of a command on a host are not a failure of the step. @default [0] */
  readonly accepts?: readonly number[];
  /** What it says when there was nothing to do, which is no failure then. */
  readonly forgives?: RegExp;
  /** Looks at what the command said. @returns what is wrong with it, if anything. */
  readonly judge?: (output: string) => string | undefined;
}

/** One step of a runbook. Each may be done again: a runbook that was interrupted repeats the step it was in. */
export interface Step {
  /** Unique in its plan: `restore`, or `restore 2` where there are several. */
  readonly id: string;
  /** What it does, in one sentence without a full stop. */
  readonly title: string;
  /** Run one after the other; none when it is for people. */
  readonly commands: readonly Command[];
  /** Asked before it is done: it changes data, or waits for somebody. */
  readonly asks?: string;
  /** What is not as usual once it is begun, for as long as no step frees it. */
  readonly holds?: string;
  /** The ids of the steps whose hold this one ends. */
  readonly frees?: readonly string[];
  /** What there is to tell behind the commands, whether they went well or not. @param since when the run began. */
  readonly tell?: (since: Date) => Promise<string>;
}

/** What a runbook will do. */
export interface Plan {
  readonly steps: readonly Step[];
  /** What will be lost, or is left to do by hand; a sentence each. */
  readonly mind: readonly string[];
}

/** A disaster, or a rehearsal of one, and what to do about it. */
export interface Runbook {
  readonly name: string;
  readonly title: string;
  readonly options: readonly RunbookOption[];
  /** A run that stopped left nothing to be mended: the next one begins again, unless it is to resume. @default false */
  readonly isRehearsal?: boolean;
  /** @throws UsageError when the options do not go together. */
  plan(values: Values): Plan;
}

export interface RunbookOption {
  readonly name: string;
  /** What stands for the value in the help; an option without it is a flag. */
  readonly value?: string;
  readonly isMany?: boolean;
  readonly isRequired?: boolean;
  /** `host`: one host, made sure of before anything is done. `hosts`: a host or a group. @default 'text' */
  readonly kind?: 'host' | 'hosts' | 'date' | 'text';
  /** A flag with which the host need not be in the inventory any more. */
  readonly unless?: string;
  readonly text: string;
}

/** The options as they were given, checked. */
export interface Values {
  /** @throws UsageError when it was not given. */
  required(name: string): string;
  one(name: string): string | undefined;
  all(name: string): readonly string[];
  is(name: string): boolean;
}
