import type { Rpo } from './report.ts';

/** Gathers how far metrics lag behind. It holds each different number of seconds once, so few for any number of metrics. */
export class Lags {
  readonly #counts = new Map<number, number>();
  #metrics = 0;
  #most = -1;
  #worst = '';

  /** @param seconds 0 or more. */
  add(metric: string, seconds: number): void {
    this.#metrics++;
    this.#counts.set(seconds, (this.#counts.get(seconds) ?? 0) + 1);
    if (seconds <= this.#most) return;
    this.#most = seconds;
    this.#worst = metric;
  }

  /** @returns null when there is none. The median of an even number is the greater of the two in the middle. */
  summary(): Rpo | null {
    if (this.#metrics === 0) return null;
    return { maxSeconds: this.#most, medianSeconds: this.#median(), metrics: this.#metrics, worst: this.#worst };
  }

  #median(): number {
    let left = Math.floor(this.#metrics / 2);
    for (const [seconds, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      if (left < count) return seconds;
      left -= count;
    }
    return this.#most;
  }
}
