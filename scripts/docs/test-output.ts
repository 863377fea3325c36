/** The results of one test run, with its figures by proof and name. */
export interface TestRun {
  /** Counted by Node. */
  readonly tests: number;
  readonly passed: number;
  /** Failed, cancelled or skipped. */
  readonly notPassed: number;
  /** `TEST_SEED=20261122 TEST_RUNS=1` */
  readonly seed: string;
  readonly figures: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** The text is not the output of a complete, successful test run. */
export class TestOutputError extends Error {}

/** A diagnostic of Node's reporters `tap` and `spec`. */
const DIAGNOSTIC = /^\s*(?:#|ℹ) (.*)$/u;

const COUNT = /^(tests|pass|fail|cancelled|skipped|todo) (\d+)$/;

/** Separates the parts of a nested figure's name. */
const SEPARATOR = ' ';

/**
 * Parses the output of `node --test`. Figures with equal names are added up, except durations (`...Ms`), where the
 * maximum counts. Values that are not numbers and `details` are ignored.
 *
 * @throws TestOutputError if the output is incomplete, or not all tests passed.
 */
export function readTestOutput(text: string): TestRun {
  const counts = new Map<string, number>();
  const figures = new Map<string, Map<string, number>>();
  let seed = '';
  for (const line of text.split('\n')) {
    const message = DIAGNOSTIC.exec(line)?.[1] ?? line;
    seed = /TEST_SEED=\S+ TEST_RUNS=\S+/.exec(message)?.[0].replace(/\W+$/, '') ?? seed;
    const [, name, count] = COUNT.exec(message) ?? [];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + Number(count));
    if (message.startsWith('reliability {')) addAll(figures, parseRecord(message.slice('reliability '.length)));
  }
  const { tests = 0, pass = 0 } = Object.fromEntries(counts);
  if (tests === 0)
    throw new TestOutputError(
      'This is not the complete output of node --test: it has no line with the number of tests',
    );
  if (pass !== tests)
    throw new TestOutputError(`Only ${pass} of ${tests} tests passed: figures need a run without failures`);
  if (figures.size === 0) throw new TestOutputError('No test reported figures: run the whole suite');
  return { tests, passed: pass, notPassed: tests - pass, seed, figures };
}

function parseRecord(json: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(json);
  return isRecord(value) ? value : {};
}

function addAll(figures: Map<string, Map<string, number>>, record: Readonly<Record<string, unknown>>): void {
  for (const [proof, values] of Object.entries(record)) {
    if (proof === 'details' || !isRecord(values)) continue;
    const sums = figures.get(proof) ?? new Map<string, number>();
    for (const [name, value] of leaves(values)) {
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
