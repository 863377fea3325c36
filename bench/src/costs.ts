import { DEFAULTS } from '../../lib/common/defaults.ts';
import { markdownTable } from '../../lib/common/table.ts';
import { median } from './figures.ts';
import type { Results } from './results.ts';

/** List prices in US dollars. They change: see https://aws.amazon.com/s3/pricing/. */
const PRICES = {
  thousandRequests: 0.005,
  gigabyteMonth: 0.023,
  source: 'S3 Standard in us-east-1, list prices',
};

const METRICS = 100_000;
const DAYS = 30;
const KEYS_PER_LISTING = 1000;
/** Days that a journal is kept: the default of --journal-keep. */
const JOURNAL_DAYS = 8;

interface Schedule {
  readonly title: string;
  /** The newest points that may be lost. */
  readonly rpo: string;
  readonly daysPerBackup: number;
  readonly minutesPerJournal?: number;
}

const schedules: readonly Schedule[] = [
  { title: 'backup every night', rpo: '1 day', daysPerBackup: 1 },
  { title: 'backup every night, journal every hour', rpo: '1 hour', daysPerBackup: 1, minutesPerJournal: 60 },
  { title: 'backup every week, journal every 15 minutes', rpo: '15 min', daysPerBackup: 7, minutesPerJournal: 15 },
];

/** What the benchmark measured, for each metric. */
interface Measured {
  /** Stored bytes of a backup. */
  readonly backupBytes: number;
  /** Stored bytes of an hour of the journal. */
  readonly journalBytesPerHour: number;
  /** Parts of an hour of the journal. */
  readonly partsPerHour: number;
}

/**
 * Returns a table in Markdown of what schedules lose and cost, computed from the figures of the benchmark.
 *
 * @throws Error if the benchmark has not measured the backup of large files and the journal.
 */
export function costTable(results: Results): string {
  const measured = measuredIn(results);
  const rows = schedules.map((schedule) => {
    const { requests, sent, kept } = monthOf(schedule, measured);
    const cost = (requests / 1000) * PRICES.thousandRequests + (kept / 1e9) * PRICES.gigabyteMonth;
    return [schedule.title, schedule.rpo, millions(requests), gigabytes(sent), gigabytes(kept), `$${cost.toFixed(0)}`];
  });
  const table = markdownTable(['schedule', 'loses at most', 'requests', 'sent', 'kept', 'cost'], rows, [1, 2, 3, 4, 5]);
  const { thousandRequests, gigabyteMonth, source } = PRICES;
  const text = [
    `A month of ${METRICS.toLocaleString('en')} metrics in files of 991 KB, with a point a minute: ` +
      `${(measured.backupBytes / 1000).toFixed(0)} KB for each backup of a metric,`,
    `${measured.journalBytesPerHour.toFixed(0)} bytes for an hour of its journal. ${DEFAULTS.retention} backups and ` +
      `${JOURNAL_DAYS} days of the journal are kept. Each run lists the bucket,`,
    `${KEYS_PER_LISTING.toLocaleString('en')} objects with a request, and a backup that deletes lists it twice.`,
    `The time that a run takes comes on top of what is lost. ${source}:`,
    `$${thousandRequests} for 1,000 requests, $${gigabyteMonth} for a GB.`,
  ];
  return `${table}\n\n${text.join('\n')}`;
}

function measuredIn(results: Results): Measured {
  const backup = perFile(results, 'first-large', 'ours');
  const journal = perFile(results, 'journal', 'journal');
  return { backupBytes: backup.bytes, journalBytesPerHour: journal.bytes, partsPerHour: journal.parts };
}

/** Returns the stored bytes for each file, and the objects without one, which is the index of a journal. */
function perFile(results: Results, id: string, contender: string): { readonly bytes: number; readonly parts: number } {
  const [, count] = /([\d,]+) files/.exec(results.scenarios.find((scenario) => scenario.id === id)?.title ?? '') ?? [];
  const measured = results.measurements.find((one) => one.scenario === id && one.contender === contender);
  if (count === undefined || measured?.stored === undefined)
    throw new Error(`Cannot compute the costs: the benchmark has not measured '${contender}' in the scenario '${id}'`);
  const files = Number(count.replaceAll(',', ''));
  const objects = median(measured.runs.map(({ requests = Number.NaN }) => requests));
  return { bytes: measured.stored / files, parts: (objects - 1) / files };
}

/** Returns the requests of a month, the bytes sent, and those in the bucket. */
function monthOf({ daysPerBackup, minutesPerJournal }: Schedule, measured: Measured) {
  const backups = DAYS / daysPerBackup;
  const backupBytes = METRICS * measured.backupBytes;
  const runs = minutesPerJournal === undefined ? 0 : (DAYS * 24 * 60) / minutesPerJournal;
  const objectsPerRun = Math.ceil((METRICS * measured.partsPerHour * (minutesPerJournal ?? 0)) / 60) + 1;
  const journalBytesPerDay = runs === 0 ? 0 : METRICS * measured.journalBytesPerHour * 24;
  const objects = METRICS * DEFAULTS.retention + ((runs * JOURNAL_DAYS) / DAYS) * objectsPerRun;
  const listing = Math.ceil(objects / KEYS_PER_LISTING);
  return {
    requests: backups * (METRICS + 2 * listing) + runs * (objectsPerRun + listing),
    sent: backups * backupBytes + DAYS * journalBytesPerDay,
    kept: DEFAULTS.retention * backupBytes + JOURNAL_DAYS * journalBytesPerDay,
  };
}

function millions(value: number): string {
  return `${(value / 1e6).toFixed(2)} million`;
}

function gigabytes(value: number): string {
  return `${(value / 1e9).toFixed(0)} GB`;
}
