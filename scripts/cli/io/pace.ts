import type { Progress } from '../../../lib/common/report.ts';
import { spanText } from '../../../lib/common/span.ts';

/** Speed and size of a run. */
export interface Pace {
  /** Total number of metrics, if known or estimated from an earlier run. */
  readonly total?: number;
  readonly isEstimate: boolean;
  readonly perSecond: number;
  readonly secondsLeft?: number;
  /** How long the store has not answered, if it does not. */
  readonly downSeconds?: number;
}

/**
 * Measures the speed of each phase of a run.
 *
 * @param expected returns the metrics of an earlier run; called each time, because that record is read in the background.
 * @param now time in milliseconds.
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
    const estimate = expected();
    // If the run has found more than the earlier run had, the estimate is useless.
    const total = complete ? found : estimate !== undefined && estimate > found ? estimate : undefined;
    return {
      ...(total !== undefined && { total }),
      isEstimate: !complete,
      perSecond,
      ...(total !== undefined && perSecond > 0 && { secondsLeft: Math.max(0, total - done) / perSecond }),
    };
  };
}

/** Returns `1200 of about 5000`, or `1200 of 1300+` while the total is unknown. */
export function countText({ done, found, complete }: Progress, { total, isEstimate }: Pace): string {
  if (complete || total === undefined) return `${done} of ${found}${complete ? '' : '+'}`;
  return `${done} of ${isEstimate ? 'about ' : ''}${total}`;
}

/** Returns `24 %`. 100 % only at the end. */
export function percentText({ done, complete }: Progress, { total }: Pace): string | undefined {
  if (total === undefined || total === 0) return undefined;
  const percent = Math.floor((100 * done) / total);
  return `${complete && done >= total ? 100 : Math.min(99, percent)} %`;
}

/** Returns `40/s` or `0.5/s`. */
export function rateText({ perSecond }: Pace): string | undefined {
  if (perSecond <= 0) return undefined;
  return `${perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(1)}/s`;
}

/** Returns `95 s left`. */
export function leftText({ secondsLeft }: Pace): string | undefined {
  return secondsLeft === undefined ? undefined : `${spanText(Math.ceil(secondsLeft))} left`;
}

/** Returns `waiting for the store for 40 s`. */
export function downText({ downSeconds }: Pace): string | undefined {
  return downSeconds === undefined ? undefined : `waiting for the store for ${spanText(downSeconds)}`;
}
