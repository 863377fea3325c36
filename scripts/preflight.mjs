// What must be there before anything else can be loaded. Plain JavaScript that old versions of Node can read, so that they
// report their age and not a syntax error. `make` runs it with `packages` where a target needs what `npm ci` installs.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * What is missing on this host, and what to install.
 *
 * @param {string} version of Node.
 * @param {string} root directory of package.json.
 * @returns {string | undefined}
 */
export function problemOf(version, root, needsPackages = !root.includes('/node_modules/')) {
  const least = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')).engines.node.replace(/[^\d.]/g, '');
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = least.split('.').map(Number);
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    return (
      `Node ${version} is too old: Node ${least} or newer is needed, and Debian 12 itself has only 18. ` +
      'Install Node 22 from https://nodejs.org or https://deb.nodesource.com, or a release, which has its own (docs/release.md)'
    );
  }
  if (needsPackages && !existsSync(`${root}/node_modules/tsx`)) {
    return `The packages of ${root} are missing: run "npm ci" in that directory`;
  }
  return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
  const problem = problemOf(process.versions.node, root, process.argv.includes('packages'));
  if (problem !== undefined) console.log(problem);
}
