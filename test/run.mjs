// Runs test files, each in a process of its own: `node test/run.mjs [all|fast|node|deno|fleet] [FILE...]`.
//   all    every file on Node, and on Deno those that depend on the runtime (the default)
//   fast   on Node, without servers, hosts, and what takes long
//   node, deno   every file on that runtime, or the files named
//   fleet  what boots hosts
// A file passes when its tests do, when it has any, and when it skips none. What failed is printed when it ends, and once
// more at the very end.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pMap from 'p-map';
import { selectTests } from './test-files.mjs';
import { compiled } from './typescript-hooks.mjs';
import './typescript.mjs';

/** How many of the slowest files are printed. */
const SLOWEST = 10;

/** After this, a file hangs: the longest takes some minutes, and on a busy machine a few times as many. */
const LIMIT_SECONDS = 3600;

const root = fileURLToPath(new URL('..', import.meta.url));
const runtimes = {
  node: {
    command: [process.execPath, '--import', new URL('./typescript.mjs', import.meta.url).href, '--test-reporter=spec'],
    some: /^ℹ tests [1-9]/m,
    skipped: /^ *﹣ |^ℹ (skipped|todo) [1-9]/m,
    failures: /^✖ failing tests:/m,
  },
  deno: {
    command: [`${root}node_modules/.bin/deno`, 'test', '--allow-all', '--no-check', '--quiet'],
    some: /^(ok|FAILED) \| [1-9]/m,
    skipped: /\d ignored/,
    failures: /^ ERRORS /m,
  },
};
const [which, ...names] = process.argv.slice(2);
await compileSources();
const { startTests } = await import('./test-process.ts');
const { jobs, complete } = selectTests(which, names);
const shared = { servers: sharedBySome('servers', startServers), release: sharedBySome('release', makeRelease) };
const waiting = jobs.filter(({ waits }) => waits);
const computing = jobs.filter(({ waits }) => !waits);
const cores = Math.max(2, availableParallelism());
const begun = performance.now();
let stopped = false;
const running = new Set();
const ended = [];
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const list of [waiting, computing]) list.length = 0;
    for (const { kill } of running) kill(signal);
    console.log(`Stopped by ${signal}`);
    stopped = true;
  });
}

// What waits for servers and for what it killed leaves a core free for what computes, and one more of it is under way.
const workers = Array.from({ length: cores }, () => [work(waiting, computing), work(computing, waiting)]).flat();
await Promise.all([...workers, work(waiting, computing)]);
for (const one of Object.values(shared)) await (await one)?.stop();
report();
const passed = ended.length > 0 && ended.every(({ problem }) => problem === undefined);
process.exitCode = passed && complete && !stopped ? 0 : 1;

/** Puts all sources into the cache, so that no test has to wait for the compiler. */
async function compileSources() {
  const names = ['bench', 'config', 'lib', 'scripts', 'test'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true }).map((name) => `${folder}/${name}`),
  );
  const sources = names.filter((name) => name.endsWith('.ts'));
  await pMap(sources, (name) => compiled(pathToFileURL(`${root}${name}`).href), { concurrency: 32 });
}

/** Starts what more than one file uses. If that fails, every file starts its own, and fails by itself. */
async function sharedBySome(name, start) {
  if (jobs.filter(({ shares }) => shares.includes(name)).length < 2) return undefined;
  const { createScratch } = await import('./fixtures/scratch.ts');
  const scratch = await createScratch();
  try {
    const { environment, stop } = await start(scratch.path);
    return { environment, stop: () => stop().finally(() => scratch[Symbol.asyncDispose]()) };
  } catch (error) {
    console.error(error);
    await scratch[Symbol.asyncDispose]();
    return undefined;
  }
}

async function startServers(place) {
  const { shareServers } = await import('./servers/shared.ts');
  return await shareServers(place);
}

async function makeRelease(place) {
  const { shareRelease } = await import('./scripts/release/made.ts');
  return { environment: await shareRelease(place), stop: async () => {} };
}

/** Runs one job after another, those of the first list before those of the second. */
async function work(first, second) {
  for (let job = first.shift() ?? second.shift(); job; job = first.shift() ?? second.shift())
    ended.push(await run(job));
}

async function run({ file, runtime, shares }) {
  const env = { ...process.env };
  for (const name of shares) Object.assign(env, (await shared[name])?.environment);
  const started = performance.now();
  const tests = startTests([...runtimes[runtime].command, file], { cwd: root, env, limitSeconds: LIMIT_SECONDS });
  running.add(tests);
  const { output, cpuSeconds, problem = problemOf(runtime, output) } = await tests.ended;
  running.delete(tests);
  const seconds = (performance.now() - started) / 1000;
  const times = [`${seconds.toFixed(1)} s`.padStart(8), `${cpuSeconds.toFixed(1)} s CPU`.padStart(11)].join(',');
  const result = `${times}  ${runtime.padEnd(4)}  ${file}`;
  console.log(problem === undefined ? `ok     ${result}` : `FAILED ${result}: ${problem}\n${output}`);
  return { result, runtime, seconds, cpuSeconds, problem, output };
}

/** Why a file that ended well did not pass. */
function problemOf(runtime, output) {
  const { some, skipped } = runtimes[runtime];
  if (!some.test(output)) return 'it has no tests';
  return skipped.test(output) ? 'it skips tests' : undefined;
}

function report() {
  const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
  const cpuMinutes = (ended.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / 60).toFixed(1);
  console.log(`\n${ended.length} files in ${minutes} min, ${cpuMinutes} min of the processors, of which took longest:`);
  const slowest = ended.toSorted((one, other) => other.seconds - one.seconds).slice(0, SLOWEST);
  for (const { result } of slowest) console.log(`  ${result}`);
  const failed = ended.filter(({ problem }) => problem !== undefined);
  for (const { result, runtime, problem, output } of failed) {
    const at = output.search(runtimes[runtime].failures);
    console.log(`\nFAILED ${result}: ${problem}\n${at < 0 ? '' : output.slice(at)}`);
  }
  if (failed.length > 0) console.log(`${failed.length} OF ${ended.length} FILES FAILED`);
}
