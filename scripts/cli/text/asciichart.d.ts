declare module 'asciichart' {
  interface PlotConfig {
    /** Rows. */
    readonly height?: number;
    readonly min?: number;
    readonly max?: number;
    readonly format?: (value: number, row: number) => string;
    readonly colors?: readonly string[];
  }
  const asciichart: {
    readonly green: string;
    plot(series: readonly number[], config?: PlotConfig): string;
  };
  export default asciichart;
}
