/** Returns the value at a Unix time in seconds, or undefined. Called in ascending order. */
export type Series = (time: number) => number | undefined;

/** Creates a series from random numbers in [0, 1). */
export type SeriesKind = (random: () => number, options: { readonly now: number }) => Series;

const DAY = 86_400;

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

/** Kinds of metrics. They compress by factors from 2 to 30. */
export const seriesKinds = {
  'slow walk, 2 decimals': (random) => {
    let value = 40 + 20 * random();
    return () => {
      value = Math.max(0, value + random() - 0.5);
      return rounded(value, 2);
    };
  },
  'daily wave with noise, 3 decimals': (random) => (time) =>
    rounded(50 + 30 * Math.sin((time / DAY) * 2 * Math.PI) + 4 * random(), 3),
  counter: (random) => {
    let value = 0;
    return () => {
      value += Math.floor(1000 * random());
      return value;
    };
  },
  'small counts': (random) => () => Math.floor(10 * random() ** 3),
  constant: (random) => {
    const value = Math.floor(100 * random());
    return () => value;
  },
  'younger than its archives': (random, { now }) => {
    let value = 10;
    return (time) => {
      value = Math.max(0, value + random() - 0.5);
      return time > now - 5 * DAY ? rounded(value, 2) : undefined;
    };
  },
  'with gaps': (random) => {
    let value = 1000;
    let silent = 0;
    return () => {
      if (silent === 0 && random() < 0.01) silent = Math.floor(60 * random());
      if (silent > 0) silent--;
      value += Math.floor(21 * random()) - 10;
      return silent > 0 ? undefined : value;
    };
  },
} as const satisfies Readonly<Record<string, SeriesKind>>;
