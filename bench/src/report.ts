import { BASELINE, type Row, type Table, tablesOf } from './figures.ts';
import type { Results } from './results.ts';

/** What a difference must be at least to be told: runs of the same scatter by some per cent. */
const NOTABLE = 1.05;
const OURS = 'ours';

/** The report in Markdown, of the raw figures and nothing else. */
export function reportOf(results: Results): string {
  const tables = tablesOf(results);
  const { machine, rounds } = results;
  return [
    '# Benchmark',
    `whisper-backup ${results.commit} and others, side by side in one run: ${results.date.slice(0, 10)}, ` +
      `${machine.cores} cores (${machine.cpu}), ${gigabytes(machine.memory)} of memory, ${machine.system}, ` +
      `local disk (${machine.fileSystem}). Made by \`make bench\` from \`results.json\`; never edited.`,
    '![Times and sizes, beside restic’s](chart.svg)',
    '## At a glance',
    glance(tables),
    '## Where others win',
    othersWin(tables),
    ...tables.flatMap(({ scenario, rows }) => [`## ${scenario.title}`, scenario.note, tableOf(rows)]),
    '## How it was measured',
    list([
      `Each figure is the median of ${rounds} ${rounds === 1 ? 'run' : 'runs'}, in ` +
        'brackets the least and the most. In each round everybody runs once, in an order that turns with the rounds.',
      'The page cache is warm for all: what a run is about to read is read once before, and what the run before wrote ' +
        'is on the disk (`sync`). Whether a program waits for its own writes to reach the disk is its own affair: ' +
        'whisper-backup, restic and borg do; rclone, tar and the Python way do not.',
      'Wall and processor time are of a whole process with all its children, from start to end. Memory is that of its ' +
        'largest process, as GNU time tells it; the Python way has several of that size, tar | gzip has small ones.',
      'whisper-backup works on as many files at once as there are cores (`--processes`); all others by their defaults.',
      'restic always encrypts and deduplicates, and borg deduplicates (encryption is off); they do more than we ' +
        'do. rclone only copies. tar makes one stream, so that a single metric cannot be had without reading it all.',
      'The files are made up: waves, walks, counters, constants, gaps (`scripts/big-tree.ts`). Real ones may compress ' +
        'better or worse.',
    ]),
    ...(results.failures.length === 0 ? [] : ['Failed, and so in no figure:', list(results.failures)]),
    ...(results.missing.length === 0 ? [] : ['Not measured:', list(results.missing)]),
    '## Repeat it',
    '```sh\nmake bench                       # as root on Debian it installs what it compares with\n' +
      'make bench BENCH=--quick         # one round, on a tenth of the files\nmake bench-report                # report and chart anew, from results.json\n```',
    `It took ${minutes(results.took)} here, and needs a few GB of disk.`,
    '## Versions',
    list(Object.entries(results.versions).map(([name, version]) => `${name}: ${version}`)),
  ]
    .join('\n\n')
    .concat('\n');
}

/** Ours at its defaults, beside the baseline. */
function glance(tables: readonly Table[]): string {
  const rows = tables.flatMap(({ scenario, rows }) => {
    const ours = rows.find(({ contender }) => contender.id === OURS);
    const restic = rows.find(({ contender }) => contender.id === BASELINE);
    if (ours === undefined) return [];
    const sizes = [megabytes(ours.stored), megabytes(restic?.stored), times(ours.times.stored)];
    return [
      [scenario.title, seconds(ours.wall), restic ? seconds(restic.wall) : '–', times(ours.times.wall), ...sizes],
    ];
  });
  if (rows.length === 0) return 'Nothing of ours was measured.';
  return markdownTable(['', 'ours', 'restic', 'ours / restic', 'ours stored', 'restic stored', 'ours / restic'], rows);
}

/** By scenario and quantity: everybody else whose figure is notably less than ours, and what share of ours it is. */
function othersWin(tables: readonly Table[]): string {
  const quantities = [
    (row: Row) => row.wall,
    (row: Row) => row.cpu,
    (row: Row) => row.memory,
    (row: Row) => row.stored,
  ];
  const rows = tables.flatMap(({ scenario, rows }) => {
    const ours = rows.find(({ contender }) => contender.id === OURS);
    if (ours === undefined) return [];
    const others = rows.filter(({ contender }) => contender.kind === 'other');
    const cells = quantities.map((quantity) => winners(others, ours, quantity));
    return cells.every((cell) => cell === '') ? [] : [[scenario.title, ...cells]];
  });
  if (rows.length === 0) return 'Nowhere, in this run.';
  const what = 'What they need of what whisper-backup needs at its defaults:';
  return `${what}\n\n${markdownTable(['', 'wall time', 'processor time', 'memory', 'stored'], rows)}`;
}

function winners(others: readonly Row[], ours: Row, quantity: (row: Row) => number | undefined): string {
  const limit = quantity(ours);
  return others
    .flatMap((row) => {
      const theirs = quantity(row);
      if (theirs === undefined || limit === undefined || theirs * NOTABLE > limit) return [];
      return `${row.contender.title} ${times(theirs / limit)}`;
    })
    .join('; ');
}

function tableOf(rows: readonly Row[]): string {
  const hasStored = rows.some(({ stored }) => stored !== undefined);
  const hasBaseline = rows.some(({ times: { wall } }) => wall !== undefined);
  const head = ['', 'wall', ...(hasBaseline ? ['/ restic'] : []), 'processor', 'memory'];
  return markdownTable(
    hasStored ? [...head, 'stored', ...(hasBaseline ? ['/ restic'] : [])] : head,
    rows.map((row) => {
      const { contender, wall, least, most, cpu, memory, stored } = row;
      const title = contender.kind === 'ours' ? `**${contender.title}**` : contender.title;
      const spread = most > least ? ` (${seconds(least)} – ${seconds(most)})` : '';
      const cells = [title, `${seconds(wall)}${spread}`, ...(hasBaseline ? [times(row.times.wall)] : [])];
      cells.push(cpu === undefined ? '–' : seconds(cpu), megabytes(memory));
      return hasStored ? [...cells, megabytes(stored), ...(hasBaseline ? [times(row.times.stored)] : [])] : cells;
    }),
  );
}

/** The first column is text, the others are figures. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n');
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}

export function seconds(value: number): string {
  return value < 1 ? `${value.toFixed(3)} s` : value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
}

function minutes(value: number): string {
  return value < 120 ? `${value} seconds` : `${Math.round(value / 60)} minutes`;
}

export function megabytes(value: number | undefined): string {
  if (value === undefined) return '–';
  return value < 1e7 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e6).toFixed(0)} MB`;
}

function gigabytes(value: number): string {
  return `${(value / 2 ** 30).toFixed(0)} GB`;
}

function times(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(2)} ×`;
}
