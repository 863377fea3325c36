// What the tests and the benchmark need besides `npm ci`: what shows that it is there, Debian's package, why, and which
// files of test/ use it. Plain JavaScript, as it is read before anything is installed.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const python = '/usr/lib/python3/dist-packages';

const libraries = [
  ['libdeflate.so.0', 'libdeflate0', 'the gzip engine libdeflate', undefined],
  ['libisal.so.2', 'libisal2', 'the gzip engine ISA-L', undefined],
  ['libzstd.so.1', 'libzstd1', 'the zstd engine', undefined],
];

const tests = [
  [`${python}/whisper.py`, 'python3-whisper', 'the reference implementation of Whisper', /\/usr\/bin\/python3/],
  [`${python}/lockfile`, 'python3-lockfile', 'the lock that the Python tool takes', /link-lock\.ts/],
  ['/usr/bin/setpriv', 'util-linux', 'to be another user', /setpriv/],
  ['/usr/bin/script', 'bsdutils', 'a terminal to ask somebody on', /usr\/bin\/script/],
  [
    '/usr/bin/carbon-cache',
    'graphite-carbon',
    'a real carbon-cache, and its parsers',
    /servers\/carbon\.ts|from carbon\./,
  ],
  [`${python}/graphite/render`, 'graphite-web', 'a real Graphite that answers queries', /servers\/graphite-web\.ts/],
  ['/usr/bin/openssl', 'openssl', 'a certificate for a server', /openssl|servers\/radosgw\.ts/],
  ['/usr/bin/ceph-mon', 'ceph-mon', 'the monitor of a real Ceph', /servers\/radosgw\.ts/],
  ['/usr/bin/ceph-osd', 'ceph-osd', 'the storage of a real Ceph', /servers\/radosgw\.ts/],
  ['/usr/bin/radosgw', 'radosgw', 'a real object store with the APIs of S3 and Swift', /servers\/radosgw\.ts/],
  ['/usr/bin/ceph', 'ceph-common', 'to set up Ceph', /servers\/radosgw\.ts/],
  ['/usr/bin/swift-proxy-server', 'swift-proxy', 'a real OpenStack Swift', /servers\/swift\.ts/],
  ['/usr/bin/swift-account-server', 'swift-account', 'the accounts of Swift', /servers\/swift\.ts/],
  ['/usr/bin/swift-container-server', 'swift-container', 'the containers of Swift', /servers\/swift\.ts/],
  ['/usr/bin/swift-object-server', 'swift-object', 'the objects of Swift', /servers\/swift\.ts/],
  ['/usr/bin/memcached', 'memcached', 'where Swift keeps its tokens', /servers\/swift\.ts/],
  [`${python}/keystone`, 'python3-keystone', 'a real Keystone, to log in to Swift', /servers\/keystone\.ts/],
  [`${python}/keystonemiddleware`, 'python3-keystonemiddleware', 'lets Swift ask Keystone', /servers\/keystone\.ts/],
  ['/usr/bin/aws', 'awscli', 'to restore from S3 by hand, as the README tells it', /\/usr\/bin\/aws/],
  ['/usr/bin/swift', 'python3-swiftclient', 'to restore from Swift by hand, likewise', /\/usr\/bin\/swift/],
  ['/usr/bin/mmdebstrap', 'mmdebstrap', 'to make the image that hosts boot from', /hosts\/hosts\.ts/],
  ['/usr/bin/systemd-nspawn', 'systemd-container', 'to boot hosts', /hosts\/hosts\.ts/],
  ['/usr/bin/ssh', 'openssh-client', 'to reach the hosts', /hosts\/hosts\.ts/],
  ['/sbin/ip', 'iproute2', "the hosts' network", /hosts\/hosts\.ts/],
  ['/usr/bin/pgrep', 'procps', "to find a host's PID 1", /hosts\/hosts\.ts/],
  ['/usr/bin/ansible-playbook', 'ansible-core', 'to roll out to the hosts', /ansible-playbook/],
  ['/usr/bin/ansible-lint', 'ansible-lint', 'what is wrong with a role', /ansible-lint/],
  ['/usr/bin/yamllint', 'yamllint', 'what is wrong with its YAML', /yamllint/],
  ...libraries,
];

/** What `make bench` measures with, and compares with. */
const benchmark = [
  ['/usr/bin/time', 'time', 'processor time and memory of what is measured'],
  ['/usr/bin/restic', 'restic', 'to compare with'],
  ['/usr/bin/borg', 'borgbackup', 'to compare with'],
  ['/usr/bin/rclone', 'rclone', 'to compare with'],
  ['/usr/bin/igzip', 'isal', 'to compare with'],
  ['/usr/bin/python3', 'python3', 'to compare with'],
  ...tests.filter(([, , , usedBy]) => /radosgw|swift/.test(String(usedBy))),
  ...libraries,
];

const requirements = { tests, benchmark };

/** Those that this machine lacks, for the `tests` or the `benchmark`. */
export function missing(purpose = 'tests') {
  return requirements[purpose]
    .map(([shownBy, name, why, usedBy]) => ({ shownBy, name, why, usedBy }))
    .filter(({ shownBy }) => (shownBy.startsWith('/') ? !existsSync(shownBy) : !isLoadable(shownBy)));
}

function isLoadable(library) {
  if (!existsSync('/sbin/ldconfig')) return false;
  return execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).includes(library);
}
