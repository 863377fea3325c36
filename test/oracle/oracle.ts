import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AggregationMethod } from '../../lib/whisper/aggregation.ts';
import type { Point } from '../../lib/whisper/points.ts';
import type { ArchiveSpec } from '../../lib/whisper/schema.ts';
import type { Series } from '../whisper/fetch.ts';

/** The schema of a file that python3-whisper creates. */
export interface OracleSchema {
  readonly archives: readonly ArchiveSpec[];
  readonly aggregation: AggregationMethod;
  readonly xFilesFactor: number;
}

/** One thing that python3-whisper does to a file. */
export type OracleStep =
  | { readonly op: 'update'; readonly value: number; readonly timestamp: number; readonly now: number }
  | { readonly op: 'update_many'; readonly points: readonly Point[]; readonly now: number }
  | {
      readonly op: 'fetch';
      readonly from: number;
      readonly until?: number;
      readonly now: number;
      readonly archive?: number;
    };

/** The result of a step: the name of Python's exception, or the series of a fetch. */
export type OracleResult = { readonly error: string } | { readonly error?: never; readonly series: Series | undefined };

interface WireSeries {
  readonly from: number;
  readonly until: number;
  readonly step: number;
  readonly values: readonly (string | null)[];
}

/** python3-whisper in its own process, which runs one request at a time. */
export class Oracle {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();
  #errors = '';

  constructor() {
    const script = fileURLToPath(new URL('./oracle.py', import.meta.url));
    this.#process = spawn('/usr/bin/python3', ['-B', script], {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    this.#process.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Creates a file or uses the given one, runs the steps, and returns their results and the final bytes. */
  async script(
    about: OracleSchema | { readonly file: Uint8Array },
    steps: readonly OracleStep[],
  ): Promise<{ results: OracleResult[]; file: Uint8Array }> {
    const made =
      'file' in about
        ? { file: toBase64(about.file) }
        : { ...about, archives: about.archives.map((archive) => [archive.secondsPerPoint, archive.points]) };
    // The output of oracle.py for this operation.
    const answer = (await this.#ask({ op: 'script', ...made, steps: steps.map(toWire) })) as {
      results: ({ error: string } | { ok: WireSeries | null; error?: never })[];
      file: string;
    };
    const results = answer.results.map((result) =>
      result.error === undefined ? { series: seriesOf(result.ok) } : { error: result.error },
    );
    return { results, file: fromBase64(answer.file) };
  }

  /** What graphite's whisper-fill makes of `local`. */
  async fill(files: { source: Uint8Array; local: Uint8Array; now: number }): Promise<Uint8Array> {
    const answer = (await this.#ask({
      op: 'fill',
      source: toBase64(files.source),
      local: toBase64(files.local),
      now: files.now,
    })) as { file: string };
    return fromBase64(answer.file);
  }

  /** What python3-whisper aggregates slots to. */
  async aggregate(aggregation: AggregationMethod, slots: readonly (number | undefined)[]): Promise<number> {
    const answer = (await this.#ask({ op: 'aggregate', aggregation, slots: slots.map(toHex) })) as { value: string };
    return fromHex(answer.value) ?? Number.NaN;
  }

  /** Tells of each file whether python3-whisper can read and update it. */
  async usable(files: readonly Uint8Array[], now: number): Promise<boolean[]> {
    return (await this.#ask({ op: 'usable', files: files.map(toBase64), now })) as boolean[];
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.stdin.end();
    await closed;
  }

  async #ask(request: object): Promise<unknown> {
    const answer = this.#last.then(async () => {
      this.#process.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await this.#lines.next();
      if (line.done) throw new Error(`The oracle ended: ${this.#errors}`);
      const message = JSON.parse(line.value) as { ok: unknown; error?: string };
      if (message.error !== undefined) throw new Error(`The oracle failed: ${message.error}`);
      return message.ok;
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

function toWire(step: OracleStep): object {
  switch (step.op) {
    case 'update':
      return { ...step, value: toHex(step.value) };
    case 'update_many':
      return { ...step, points: step.points.map((point) => [point.timestamp, toHex(point.value)]) };
    case 'fetch':
      return { ...step, until: step.until ?? null, archive: step.archive ?? null };
  }
}

function seriesOf(wire: WireSeries | null): Series | undefined {
  return wire?.values === undefined ? undefined : { ...wire, values: wire.values.map(fromHex) };
}

function toHex(value: number | undefined): string | null {
  if (value === undefined) return null;
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer.toString('hex');
}

function fromHex(text: string | null): number | undefined {
  return text === null ? undefined : Buffer.from(text, 'hex').readDoubleBE();
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
