// Which test files run, on which runtimes, in which order. Where something they need is missing, it prints which are left
// out, and what they need.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missing } from './requirements.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * What `make test` runs on Deno too: what Deno does in its own way, which is files, threads, sockets, streams, compression,
 * the C library, signals and processes. The rest computes on top of these, and `make test-deno` runs it as well.
 */
const ON_DENO = [
  ...['store/', 'system/', 'tree/', 'workers/', 'stream/', 'statcache/', 'compress/'],
  ...['backup', 'restore', 'verify', 'purge', 'drill'].map((name) => `operations/${name}`),
  ...['end-to-end', 'memory', 'kill/disk', 'live/writer'],
  ...['hangs', 'log', 'output', 'program', 'progress', 'syslog', 'waiting'].map((name) => `scripts/cli/${name}`),
];

/** Not in `make test-fast`, beside all that needs servers or hosts: these take as long as all the others together. */
const NOT_FAST = [
  ...['bench/', 'scripts/release/', 'scripts/fleet/', 'scripts/runbooks/', 'fullworld/', 'fuzz/', 'hostile/', 'live/'],
  ...['model/', 'pythontool/', 'wrongworld/', 'memory', 'store/slow-listing', 'workers/thread-store'],
  ...['checks', 'run-records', 'status'].map((name) => `scripts/cli/${name}`),
];

/** The files that take longest start first. Only the time of a whole run depends on this list. */
const LONGEST = [
  ...[
    'fleet/',
    'store/swift',
    'live/creates',
    'hosts/',
    'kill/',
    'store/radosgw',
    'live/',
    'end-to-end',
    'fullworld/forbidden',
    'scripts/release/',
    'bench/bench',
  ],
  ...['operations/put-only-month', 'operations/journal/stores', 'secrets', 'requests', 'document-stores'],
  ...['scripts/runbooks/', 'scripts/fleet/', 'memory', 'hostile/tree-owner', 'model/', 'store/', 'scripts/', 'fuzz/'],
  ...['wrongworld/', 'workers/thread-store'],
];

/** Files that boot hosts. They are not for Deno: the hosts run the release, which has its own Node. */
const HOSTS = ['hosts/', 'fleet/'];

/** What starts servers, or kills processes at all moments, mostly waits; so does what boots hosts. */
const WAITS = /servers\/(shared|radosgw|swift|keystone|carbon)\.ts|\/volley\.ts/;

/** What uses what is started or made once for all. */
const SHARES = { servers: /servers\/shared\.ts/, release: /sharedRelease/ };

/**
 * @param which `all`, `fast`, `node`, `deno` or `fleet`.
 * @param names the files to run, instead of all.
 * @returns the jobs in their order, and whether nothing was left out.
 */
export function selectTests(which = 'all', names = []) {
  const lacking = missing();
  const jobs = [];
  let left = 0;
  const files = names.length > 0 ? names.map((name) => relative(root, name)) : testFiles();
  for (const file of files) {
    const text = textOf(join(root, file), new Set());
    const waits = WAITS.test(text) || isOf(file, HOSTS);
    const runtimes = runtimesOf(which, file, waits, names.length > 0);
    if (runtimes.length === 0) continue;
    const wants = lacking.filter(({ usedBy }) => usedBy?.test(text)).map(({ name }) => name);
    if (wants.length === 0) {
      const shares = Object.keys(SHARES).filter((name) => SHARES[name].test(text));
      for (const runtime of runtimes) jobs.push({ file, runtime, waits, shares });
    } else {
      left++;
      console.error(`NOT RUN: ${file}: it needs ${wants.join(', ')}`);
    }
  }
  if (left > 0) console.error(`${left} OF ${files.length} TEST FILES ARE LEFT OUT.`);
  const rank = ({ file }) =>
    (LONGEST.findIndex((name) => isOf(file, [name])) + LONGEST.length + 1) % (LONGEST.length + 1);
  return { jobs: jobs.sort((one, other) => rank(one) - rank(other)), complete: left === 0 };
}

function testFiles() {
  const names = readdirSync(join(root, 'test'), { recursive: true });
  for (const name of [...ON_DENO, ...NOT_FAST, ...LONGEST, ...HOSTS])
    if (!names.some((file) => file.startsWith(name))) throw new Error(`No test file begins with test/${name}`);
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', name))
    .sort();
}

function runtimesOf(which, file, waits, isNamed) {
  const bootsHosts = isOf(file, HOSTS);
  switch (which) {
    case 'node':
      return ['node'];
    case 'deno':
      return bootsHosts && !isNamed ? [] : ['deno'];
    case 'fleet':
      return bootsHosts ? ['node'] : [];
    case 'fast':
      return waits || bootsHosts || isOf(file, NOT_FAST) ? [] : ['node'];
    case 'all':
      return isOf(file, ON_DENO) && !bootsHosts ? ['node', 'deno'] : ['node'];
    default:
      throw new Error(`Cannot run the tests "${which}": give all, fast, node, deno or fleet`);
  }
}

/** Whether its name below test/ is one of these: a folder, or a file without its ending. */
function isOf(file, names) {
  const name = relative('test', file).replace(/\.test\.ts$/, '');
  return names.some((one) => (one.endsWith('/') ? name.startsWith(one) : name === one));
}

/** A test file and all of test/ that it imports, as one text; a name that stands in one of them is used by it. */
function textOf(file, seen) {
  if (seen.has(file)) return '';
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const imports = [...text.matchAll(/from '(\.[^']+\.ts)'/g)].map(([, name]) => join(dirname(file), name));
  const inner = imports.filter((name) => relative(root, name).startsWith('test')).map((name) => textOf(name, seen));
  return [text, ...inner].join('\n');
}
