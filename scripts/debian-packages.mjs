// Installs what the tests need from Debian, as root on Debian. Anywhere else it says loudly what is missing. It runs
// before `npm ci`, so it is JavaScript and uses nothing but Node.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const needed = [
  ['/usr/lib/python3/dist-packages/whisper.py', 'python3-whisper', 'the reference implementation of Whisper'],
  ['/usr/bin/carbon-cache', 'graphite-carbon', 'a real carbon-cache that writes while we back up'],
  ['/usr/bin/setpriv', 'util-linux', 'to be another user'],
];
const libraries = [
  ['libdeflate.so.0', 'libdeflate0', 'the gzip engine libdeflate'],
  ['libisal.so.2', 'libisal2', 'the gzip engine ISA-L'],
  ['libzstd.so.1', 'libzstd1', 'the zstd engine'],
];

function isInstalled(library) {
  return execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).includes(library);
}

const missing = [
  ...needed.filter(([path]) => !existsSync(path)),
  ...libraries.filter(([library]) => !isInstalled(library)),
];
if (missing.length === 0) process.exit(0);

const packages = missing.map(([, name]) => name);
if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  console.log(`Installing from Debian: ${packages.join(' ')}`);
  execFileSync('apt-get', ['update', '-qq'], options);
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
} else {
  console.error('The tests need more than this machine has, and this is not root on Debian. Install first:');
  for (const [, name, why] of missing) console.error(`  ${name}: ${why}`);
  console.error(`As root on Debian: apt-get install ${packages.join(' ')}`);
  process.exit(1);
}
