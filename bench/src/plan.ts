import type { TreeSpec } from '../trees/realistic-tree.ts';
import type { Contenders } from './contenders/all.ts';
import type { Ground } from './ground.ts';
import type { Program } from './program.ts';
import type { ContenderInfo, Measurement, Scenario } from './results.ts';
import type { RoundOptions } from './rounds.ts';

/** What one run of the benchmark is to do. */
export interface Plan extends RoundOptions {
  readonly ground: Ground;
  readonly program: Program;
  readonly contenders: Contenders;
  /** Our files worked on at once: as many as there are cores, which is what the others do by themselves. */
  readonly processes: number;
  readonly trees: readonly BenchTree[];
  /** Numbers of metrics to measure the scale with; none without it. */
  readonly scale: readonly number[];
}

/** A tree that is measured with. */
export interface BenchTree {
  readonly id: 'large' | 'small';
  /** As in `first backup, 400 files of 991 KB`. */
  readonly title: string;
  readonly spec: TreeSpec;
}

/** Scenarios and what was measured in them. */
export interface Outcome {
  /** Those that are in no other scenario. */
  readonly contenders?: readonly ContenderInfo[];
  readonly scenarios: readonly Scenario[];
  readonly measurements: readonly Measurement[];
}
