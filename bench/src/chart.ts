import { BarChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { BASELINE, type Row, type Table, tablesOf } from './figures.ts';
import { megabytes, seconds } from './report.ts';
import type { Results } from './results.ts';

use([BarChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

const WIDTH = 900;
const LEFT = 300;
const BAR = 24;
const COLOURS = { ours: '#1a7f5a', other: '#8a94a6', floor: '#c9ced8' } as const;
/** The contenders in the second chart. */
const COMPARED: Readonly<Record<string, { name: string; colour: string }>> = {
  ours: { name: 'whisper-backup', colour: COLOURS.ours },
  restic: { name: 'restic', colour: '#d98032' },
  'borg-lz4': { name: 'borg', colour: '#7b68b0' },
  rclone: { name: 'rclone (a plain copy)', colour: '#8a94a6' },
};
/** Maximum length of a bar. A longer one is cut off here, and its label has the value. */
const LONGEST = { first: 3, times: 2.5 } as const;

/** Returns the chart as SVG: the first backup in seconds and bytes; other scenarios relative to the baseline's time. */
export function chartOf(results: Results): string {
  const tables = tablesOf(results);
  const first = tables.find(({ scenario }) => scenario.id === 'first-large');
  const compared = tables.filter(
    ({ scenario, rows }) => /^(first-small|changed-|unchanged-|restore-)/.test(scenario.id) && baseOf(rows),
  );
  const bars = first?.rows.filter(({ contender }) => !/^ours-(deno|node)/.test(contender.id)) ?? [];
  const series = Object.entries(COMPARED).filter(([id]) => compared.some(({ rows }) => rowOf(rows, id)));
  const firstHeight = bars.length * BAR;
  const secondTop = firstHeight + 150;
  const secondHeight = compared.length * (series.length * 15 + 16);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: secondTop + secondHeight + 40 });
  const category = { type: 'category', inverse: true, axisTick: { show: false }, axisLabel: { fontSize: 12 } };
  const value = { type: 'value', splitNumber: 5 };
  const base = baseOf(bars);
  const longest = base === undefined ? Math.max(0, ...bars.map(({ wall }) => wall)) : LONGEST.first * base;
  const option: EChartsCoreOption = {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif' },
    title: [
      title(`${first?.scenario.title ?? 'First backup'}: seconds, and stored size`, 12),
      title('Other runs: time as a multiple of restic’s (shorter is faster)', secondTop - 62),
    ],
    legend: { top: secondTop - 36, left: 10, itemGap: 28, data: series.map(([, { name }]) => name) },
    grid: [
      { left: LEFT, right: 150, top: 48, height: firstHeight },
      { left: LEFT, right: 150, top: secondTop, height: secondHeight },
    ],
    yAxis: [
      { ...category, gridIndex: 0, data: bars.map(({ contender }) => contender.title) },
      { ...category, gridIndex: 1, data: compared.map(({ scenario }) => scenario.title) },
    ],
    xAxis: [
      { ...value, gridIndex: 0, max: longest, axisLabel: { showMaxLabel: false, formatter: '{value} s' } },
      { ...value, gridIndex: 1, max: LONGEST.times, axisLabel: { showMaxLabel: false, formatter: '{value} ×' } },
    ],
    series: [
      {
        type: 'bar',
        barWidth: BAR - 8,
        label: { show: true, position: 'right', fontSize: 11 },
        data: bars.map((row) => firstBar(row, longest)),
      },
      ...series.map(([id, { name, colour }]) => ({
        type: 'bar',
        name,
        xAxisIndex: 1,
        yAxisIndex: 1,
        barWidth: 13,
        barGap: '15%',
        itemStyle: { color: colour },
        label: { show: true, position: 'right', fontSize: 10 },
        data: compared.map(({ rows }) => timesBar(rows, id)),
        ...(id === BASELINE ? { markLine: BASELINE_MARK } : {}),
      })),
    ],
  };
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  // Removes styles and ids for pointers: the library numbers them per process, but equal figures must give equal bytes.
  return `${svg.replace(/<style\b.*?<\/style>\n?/gs, '').replace(/ (class|ecmeta_\w+)="[^"]*"/g, '')}\n`;
}

const BASELINE_MARK = {
  silent: true,
  symbol: 'none',
  label: { show: false },
  lineStyle: { color: '#555555', type: 'dashed' },
  data: [{ xAxis: 1 }],
} as const;

function title(text: string, top: number): object {
  return { text, top, left: 10, textStyle: { fontSize: 15 } };
}

function firstBar({ contender, wall, stored }: Row, longest: number): object {
  const text = `${wall > longest ? '→ ' : ''}${seconds(wall)}, ${megabytes(stored)}`;
  return {
    value: Math.min(wall, longest),
    itemStyle: { color: contender.id === BASELINE ? COMPARED[BASELINE]?.colour : COLOURS[contender.kind] },
    label: { formatter: text },
  };
}

function timesBar(rows: Table['rows'], id: string): object | null {
  const row = rowOf(rows, id);
  const times = row?.times.wall;
  if (row === undefined || times === undefined) return null;
  const text = `${times > LONGEST.times ? '→ ' : ''}${times.toFixed(2)} (${seconds(row.wall)})`;
  return { value: Math.min(times, LONGEST.times), label: { formatter: text } };
}

function rowOf(rows: Table['rows'], id: string): Row | undefined {
  return rows.find(({ contender }) => contender.id === id);
}

/** Returns the baseline's seconds, if it was measured. */
function baseOf(rows: Table['rows']): number | undefined {
  return rowOf(rows, BASELINE)?.wall;
}
