import type { TreeSpec } from '../trees/realistic-tree.ts';
import type { Contenders } from './contenders/all.ts';
import type { Ground } from './ground.ts';
import type { Program } from './program.ts';
import type { ContenderInfo, Measurement, Scenario } from './results.ts';
import type { RoundOptions } from './rounds.ts';

/** The settings of one benchmark run. */
export interface Plan extends RoundOptions {
  readonly ground: Ground;
  readonly program: Program;
  readonly contenders: Contenders;
  /** Files that whisper-backup processes at once: the number of cores, which is the default of the others. */
  readonly processes: number;
  readonly trees: readonly BenchTree[];
  /** Numbers of metrics for the scale scenario. */
  readonly scale: readonly number[];
}

/** A tree to back up. */
export interface BenchTree {
  readonly id: 'large' | 'small';
  /** For example `400 files of 991 KB`. */
  readonly title: string;
  readonly spec: TreeSpec;
}

/** Scenarios and their measurements. */
export interface Outcome {
  /** Contenders that take part in no other scenario. */
  readonly contenders?: readonly ContenderInfo[];
  readonly scenarios: readonly Scenario[];
  readonly measurements: readonly Measurement[];
}
