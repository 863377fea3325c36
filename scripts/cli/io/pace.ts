import type { Progress } from '../../../lib/common/report.ts';
import { spanText } from '../../../lib/common/span.ts';

/** How fast a run goes, and how much of it there is. */
export interface Pace {
  /** How many metrics there are in all, if that is known or an earlier run shows it. */
  readonly total?: number;
  readonly isEstimate: boolean;
  readonly perSecond: number;
  readonly secondsLeft?: number;
}

/**
 * Follows a run phase by phase.
 *
 * @param expected how many metrics an earlier run met; asked for each time, since it may be read meanwhile.
 * @param now in milliseconds.
 */
export function followPace(
  expected: () => number | undefined,
  now = () => performance.now(),
): (progress: Progress) => Pace {
  let phase: string | undefined;
  let started = 0;
  let doneBefore = 0;
  return (progress) => {
    if (progress.phase !== phase) {
      phase = progress.phase;
      started = now();
      doneBefore = progress.done;
    }
    const { done, found, complete } = progress;
    const seconds = (now() - started) / 1000;
    const perSecond = seconds > 0 ? (done - doneBefore) / seconds : 0;
    const guess = expected();
    // More were found than an earlier run had: how many more there will be, nobody knows.
    const total = complete ? found : guess !== undefined && guess > found ? guess : undefined;
    return {
      ...(total !== undefined && { total }),
      isEstimate: !complete,
      perSecond,
      ...(total !== undefined && perSecond > 0 && { secondsLeft: Math.max(0, total - done) / perSecond }),
    };
  };
}

/** `1200 of about 5000`; `1200 of 1300+` while more are found and nothing tells how many. */
export function countText({ done, found, complete }: Progress, { total, isEstimate }: Pace): string {
  if (complete || total === undefined) return `${done} of ${found}${complete ? '' : '+'}`;
  return `${done} of ${isEstimate ? 'about ' : ''}${total}`;
}

/** `24 %`; 100 only at the end. */
export function percentText({ done, complete }: Progress, { total }: Pace): string | undefined {
  if (total === undefined || total === 0) return undefined;
  const percent = Math.floor((100 * done) / total);
  return `${complete && done >= total ? 100 : Math.min(99, percent)} %`;
}

/** `40/s`, `0.5/s`. */
export function rateText({ perSecond }: Pace): string | undefined {
  if (perSecond <= 0) return undefined;
  return `${perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(1)}/s`;
}

/** `95 s left`. */
export function leftText({ secondsLeft }: Pace): string | undefined {
  return secondsLeft === undefined ? undefined : `${spanText(Math.ceil(secondsLeft))} left`;
}
