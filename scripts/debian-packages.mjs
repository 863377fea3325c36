// Installs what the tests need from Debian, as root on Debian. Anywhere else it says loudly what is missing. It runs
// before `npm ci`, so it is JavaScript and uses nothing but Node.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

const python = '/usr/lib/python3/dist-packages';
const needed = [
  [`${python}/whisper.py`, 'python3-whisper', 'the reference implementation of Whisper'],
  ['/usr/bin/carbon-cache', 'graphite-carbon', 'a real carbon-cache that writes while we back up'],
  ['/usr/bin/setpriv', 'util-linux', 'to be another user'],
  ['/usr/bin/openssl', 'openssl', 'a certificate for the S3 server'],
  ['/usr/bin/ceph-mon', 'ceph-mon', 'the monitor of a real Ceph'],
  ['/usr/bin/ceph-osd', 'ceph-osd', 'the storage of a real Ceph'],
  ['/usr/bin/radosgw', 'radosgw', 'a real object store with the APIs of S3 and Swift'],
  ['/usr/bin/ceph', 'ceph-common', 'to set up Ceph'],
  ['/usr/bin/swift-proxy-server', 'swift-proxy', 'a real OpenStack Swift, with the APIs of Swift and S3'],
  ['/usr/bin/swift-account-server', 'swift-account', 'the accounts of Swift'],
  ['/usr/bin/swift-container-server', 'swift-container', 'the containers of Swift'],
  ['/usr/bin/swift-object-server', 'swift-object', 'the objects of Swift'],
  ['/usr/bin/memcached', 'memcached', 'where Swift keeps its tokens'],
  [`${python}/keystone`, 'python3-keystone', 'a real Keystone, to log in to Swift'],
  [`${python}/keystonemiddleware`, 'python3-keystonemiddleware', 'what lets Swift ask Keystone'],
  ['/usr/bin/aws', 'awscli', 'to restore from S3 by hand, as the README tells it'],
  ['/usr/bin/swift', 'python3-swiftclient', 'to restore from Swift by hand, as the README tells it'],
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
  console.log(`Installing from Debian: ${packages.join(' ')}`);
  withoutServices(install);
} else {
  console.error('The tests need more than this machine has, and this is not root on Debian. Install first:');
  for (const [, name, why] of missing) console.error(`  ${name}: ${why}`);
  console.error(`As root on Debian: apt-get install --no-install-recommends ${packages.join(' ')}`);
  process.exit(1);
}

function install() {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  execFileSync('apt-get', ['update', '-qq'], options);
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  const still = missing.filter(([path]) => (path.startsWith('/') ? !existsSync(path) : !isInstalled(path)));
  if (still.length > 0)
    throw new Error(`Still missing: ${still.map(([path, name]) => `${path} of ${name}`).join(', ')}`);
}

/**
 * Debian starts a service when it installs one, unless this program says no (deb-systemd-invoke and invoke-rc.d ask it).
 * The tests start servers of their own, and a container has nothing to start services with.
 */
function withoutServices(task) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return task();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
  // Ctrl-C ends apt-get, which is of the same group, and then comes back here.
  process.once('SIGINT', () => {});
  try {
    task();
  } finally {
    rmSync(policy);
  }
}
