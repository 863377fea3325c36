/** What the tests of one run told, by proof and name. */
export interface TestRun {
  /** As Node counts them. */
  readonly tests: number;
  readonly passed: number;
  /** Failed, cancelled, or left out. */
  readonly notPassed: number;
  /** `TEST_SEED=20261122 TEST_RUNS=1` */
  readonly seed: string;
  readonly figures: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** The output of a run that is none, or of one that did not pass. */
export class TestOutputError extends Error {}

/** A diagnostic of Node's reporters `tap` and `spec`. */
const DIAGNOSTIC = /^\s*(?:#|ℹ) (.*)$/u;

const COUNT = /^(tests|pass|fail|cancelled|skipped|todo) (\d+)$/;

/** Of a proof's parts by command and place, which come as objects in objects. */
const SEPARATOR = ' ';

/**
 * Reads what `node --test` printed. Figures of equal names add up; those whose names end in `Ms` are durations, of which
 * the longest counts. What is no number is left out, and so is `details`, which is for those who read the output itself.
 *
 * @throws TestOutputError when it is not the output of a whole run, or not all tests passed.
 */
export function readTestOutput(text: string): TestRun {
  const counts = new Map<string, number>();
  const figures = new Map<string, Map<string, number>>();
  let seed = '';
  for (const line of text.split('\n')) {
    const said = DIAGNOSTIC.exec(line)?.[1] ?? line;
    seed = /TEST_SEED=\S+ TEST_RUNS=\S+/.exec(said)?.[0].replace(/\W+$/, '') ?? seed;
    const [, name, count] = COUNT.exec(said) ?? [];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + Number(count));
    if (said.startsWith('reliability {')) addAll(figures, parsed(said.slice('reliability '.length)));
  }
  const { tests = 0, pass = 0 } = Object.fromEntries(counts);
  if (tests === 0)
    throw new TestOutputError('No output of node --test, or not all of it: no line tells how many tests ran');
  if (pass !== tests)
    throw new TestOutputError(`Only ${pass} of ${tests} tests passed: a run with failures has no figures`);
  if (figures.size === 0) throw new TestOutputError('No test told any figures: is this a run of the whole suite?');
  return { tests, passed: pass, notPassed: tests - pass, seed, figures };
}

function parsed(json: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(json);
  return isRecord(value) ? value : {};
}

function addAll(figures: Map<string, Map<string, number>>, record: Readonly<Record<string, unknown>>): void {
  for (const [proof, told] of Object.entries(record)) {
    if (proof === 'details' || !isRecord(told)) continue;
    const sums = figures.get(proof) ?? new Map<string, number>();
    for (const [name, value] of leaves(told)) {
      const before = sums.get(name) ?? 0;
      sums.set(name, name.endsWith('Ms') ? Math.max(before, value) : before + value);
    }
    figures.set(proof, sums);
  }
}

function* leaves(record: Readonly<Record<string, unknown>>): Generator<readonly [name: string, value: number]> {
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'number') yield [name, value];
    else if (isRecord(value)) for (const [inner, leaf] of leaves(value)) yield [`${name}${SEPARATOR}${inner}`, leaf];
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
