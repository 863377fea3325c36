// Installs what the tests need from Debian, as root on Debian; with the argument `benchmark` what that needs. Anywhere
// else it says loudly what is missing, and what it was for: `test-files.mjs` then leaves those tests out, and the
// benchmark those programs.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { missing } from './requirements.mjs';

const purpose = process.argv[2] ?? 'tests';
const lacking = missing(purpose);
const packages = lacking.map(({ name }) => name);
if (packages.length > 0) {
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log(`Installing from Debian: ${packages.join(' ')}`);
    withoutServices(install);
  } else {
    console.error(`THIS MACHINE LACKS WHAT THE ${purpose.toUpperCase()} NEED, and this is not root on Debian:`);
    for (const { name, why } of lacking) console.error(`  ${name}: ${why}`);
    console.error(`As root on Debian: apt-get install --no-install-recommends ${packages.join(' ')}`);
  }
}

function install() {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  execFileSync('apt-get', ['update', '-qq'], options);
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  const still = missing(purpose).map(({ shownBy, name }) => `${shownBy} of ${name}`);
  if (still.length > 0) throw new Error(`Still missing: ${still.join(', ')}`);
}

/**
 * Debian starts a service when it installs one, unless this program says no (deb-systemd-invoke and invoke-rc.d ask
 * it). The tests start servers of their own, and a container has nothing to start services with.
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
