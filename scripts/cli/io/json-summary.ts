import { jsonLine } from '../../../lib/common/printable.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import type { Output } from './output.ts';

/** Prints the JSON object of a run. Its list of backups is printed while the run goes on: there may be millions. */
export class JsonSummary {
  readonly #output: Output;
  #isOpen = false;

  constructor(output: Output) {
    this.#output = output;
  }

  judged(backups: readonly object[]): Promise<void> | undefined {
    if (backups.length === 0) return undefined;
    const lines = backups.map((backup) => jsonLine(backup).trimEnd()).join(',\n');
    const start = this.#isOpen ? ',\n' : '{"judged":[\n';
    this.#isOpen = true;
    return this.#output.write(`${start}${lines}`);
  }

  async finish(summary: Summary): Promise<void> {
    const text = jsonLine(summary);
    await this.#output.write(this.#isOpen ? `\n],${text.slice(1)}` : text);
    this.#isOpen = false;
  }

  /** Closes the object of a run that ended without a summary. */
  async close(): Promise<void> {
    if (this.#isOpen) await this.#output.write('\n]}\n');
    this.#isOpen = false;
  }
}
