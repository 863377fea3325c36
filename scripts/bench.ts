import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { allContenders } from '../bench/src/contenders/all.ts';
import { Ground } from '../bench/src/ground.ts';
import { commit, machine, versions } from '../bench/src/machine.ts';
import { hasGnuTime } from '../bench/src/meter.ts';
import { type Remote, s3Remote, swiftRemote } from '../bench/src/network/remote.ts';
import type { BenchTree, Outcome, Plan } from '../bench/src/plan.ts';
import { Program } from '../bench/src/program.ts';
import { render } from '../bench/src/render.ts';
import { mergeResults, type Results, readResults } from '../bench/src/results.ts';
import { again } from '../bench/src/scenarios/again.ts';
import { firstBackup } from '../bench/src/scenarios/first-backup.ts';
import { journal, restoreJournal } from '../bench/src/scenarios/journal.ts';
import { network } from '../bench/src/scenarios/network.ts';
import { restore } from '../bench/src/scenarios/restore.ts';
import { scale } from '../bench/src/scenarios/scale.ts';
import { startUp } from '../bench/src/scenarios/startup.ts';
import { LARGE_FILES, makeRealisticTree, SMALL_FILES } from '../bench/trees/realistic-tree.ts';
import { startRadosgw } from '../test/servers/radosgw.ts';
import { startSwift } from '../test/servers/swift.ts';
import { checkout } from './fleet/checkout.ts';
import { isArchitecture } from './release/architecture.ts';
import { makeRelease } from './release/release.ts';

/*
 * `make bench`: compares whisper-backup with other tools in one run. Writes the raw figures, the report and the chart.
 */

const usage = `node --import tsx scripts/bench.ts [options]

      --rounds <n>        Runs per contender, interleaved; the median counts (3)
      --quick             One round with a tenth of the files
      --large-files <n>   Files of 991 KB (400)
      --small-files <n>   Files of 17 KB (20000)
      --only <ids>        Only these contenders, such as ours,restic,tar-gzip
      --first             Only the first backup of the large files
      --only-network      Only S3 and Swift
      --only-journal      Only the journal; keeps the other figures of an earlier run in --out
      --network-files <n> Files of 17 KB for S3 and Swift on this machine, at round trips of 0 and 30 ms (4000)
      --scale <numbers>   Also trees of this many metrics, such as 100000,1000000, with five backups each
      --out <dir>         Directory for results.json, report.md and chart.svg (bench)
      --work <dir>        Parent of a temporary directory for trees and stores (bench/out)
`;

const NETWORK_FILES = 4000;
/** A higher load before the start changes the figures. */
const MAX_LOAD = 1;
const ROUND_TRIPS_MS = [0, 30];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'large-files': { type: 'string' },
    'small-files': { type: 'string' },
    only: { type: 'string' },
    first: { type: 'boolean', default: false },
    'network-files': { type: 'string' },
    'only-network': { type: 'boolean', default: false },
    'only-journal': { type: 'boolean', default: false },
    scale: { type: 'string' },
    out: { type: 'string', default: 'bench' },
    work: { type: 'string', default: 'bench/out' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) process.stdout.write(usage);
else await bench();

async function bench(): Promise<void> {
  const started = Date.now();
  const [load = 0] = loadavg();
  const log = (text: string): void => void process.stderr.write(`${text}\n`);
  const failures: string[] = [];
  const share = values.quick ? 0.1 : 1;
  const trees = [
    treeOf('large', numberOf('large-files', values['large-files']) ?? share * LARGE_FILES.files),
    treeOf('small', numberOf('small-files', values['small-files']) ?? share * SMALL_FILES.files),
  ] as const;
  const isPartial = values.first || values['only-network'] || values['only-journal'];
  const size = {
    rounds: numberOf('rounds', values.rounds) ?? (values.quick ? 1 : 3),
    trees: trees.slice(0, values['only-network'] || values['only-journal'] ? 0 : values.first ? 1 : 2),
    network: numberOf('network-files', values['network-files']) ?? share * NETWORK_FILES,
    scale: (values.scale ?? '').split(',').flatMap((text) => numberOf('scale', text || undefined) ?? []),
  };
  await mkdir(values.work, { recursive: true });
  const work = await mkdtemp(join(resolve(values.work), 'bench-'));
  const ground = new Ground(work);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop.abort(new Error(`Stopped by ${signal}`)));
  }
  const program = await Program.install(ground.at('program'), async (out) => {
    const { arch } = process;
    if (!isArchitecture(arch)) throw new Error(`Cannot measure: there is no release for ${arch}`);
    return (await makeRelease(checkout, { architecture: arch, out })).tarball;
  });
  const processes = availableParallelism();
  const plan: Plan = {
    ...{ ground, program, processes, ...size, log, scratch: work, signal: stop.signal },
    contenders: allContenders(program, processes, values.only?.split(',')),
    failed(text) {
      failures.push(text);
      log(`FAILED: ${text}`);
    },
  };
  const missing = [...plan.contenders.missing];
  if (!hasGnuTime) missing.push('processor time and memory of all: there is no /usr/bin/time');
  for (const what of missing) log(`NOT MEASURED: ${what}`);

  const host = machine(work);
  const known = versions(program.node);
  const outcomes: Outcome[] = [];
  try {
    for (const tree of plan.trees) outcomes.push(...(await onTree(plan, tree)));
    if (!isPartial || values['only-journal']) {
      const { files } = trees[1].spec;
      outcomes.push(await journal(plan, files), await restoreJournal(plan, files));
    }
    if (!isPartial) outcomes.push(await startUp(plan));
    for (const metrics of plan.scale) outcomes.push(await scale(plan, metrics));
    if (!isPartial || values['only-network']) outcomes.push(...(await overNetwork(plan, size.network)));
  } finally {
    await ground.clear();
  }
  const { always, first, unchanged } = plan.contenders;
  const contenders = [...always, ...first, ...unchanged, ...outcomes.flatMap((outcome) => outcome.contenders ?? [])];
  const results: Results = {
    format: 1,
    date: new Date(started).toISOString(),
    commit: commit(),
    machine: host,
    ...(load > MAX_LOAD && { load }),
    versions: known,
    rounds: plan.rounds,
    took: Math.round((Date.now() - started) / 1000),
    missing,
    failures,
    contenders: [...new Map(contenders.map(({ id, title, kind }) => [id, { id, title, kind }])).values()],
    scenarios: outcomes.flatMap(({ scenarios }) => scenarios),
    measurements: outcomes.flatMap(({ measurements }) => measurements),
  };
  const file = join(values.out, 'results.json');
  const earlier = values['only-journal'] && existsSync(file) ? await readResults(file) : undefined;
  const all = earlier ? mergeResults(earlier, results) : results;
  await mkdir(values.out, { recursive: true });
  await writeFile(file, `${JSON.stringify(all, undefined, 1)}\n`);
  process.stdout.write(await render(values.out));
  if (failures.length > 0) process.exitCode = 1;
}

async function onTree(plan: Plan, tree: BenchTree): Promise<Outcome[]> {
  plan.log(`Making ${tree.title}`);
  makeRealisticTree(await plan.ground.emptied('trees', tree.id), tree.spec);
  const first = await firstBackup(plan, tree);
  return values.first ? [first] : [first, await restore(plan, tree), await again(plan, tree)];
}

async function overNetwork(plan: Plan, files: number): Promise<Outcome[]> {
  const only = values.only?.split(',');
  const outcomes: Outcome[] = [];
  const measureOn = async (remote: Remote) => {
    for (const delayMs of ROUND_TRIPS_MS) outcomes.push(await network(plan, remote, files, delayMs, only));
  };
  const radosgw = await startRadosgw();
  try {
    const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
    await measureOn(s3Remote(endpoint, accessKeyId, secretAccessKey));
  } finally {
    await radosgw.stop();
  }
  const swift = await startSwift(await plan.ground.emptied('swift'));
  try {
    const { authUrl, user, key } = swift.v1;
    await measureOn(swiftRemote(authUrl, user, key));
  } finally {
    await swift.stop();
  }
  return outcomes;
}

function treeOf(id: BenchTree['id'], files: number): BenchTree {
  const spec = { ...(id === 'large' ? LARGE_FILES : SMALL_FILES), files };
  return { id, title: `${files.toLocaleString('en')} files of ${id === 'large' ? '991 KB' : '17 KB'}`, spec };
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`Cannot measure: --${name} must be a whole number: got "${text}"`);
}
