// Checks what the program needs before anything else is loaded. Plain JavaScript that old versions of Node can parse, so
// that they report their age, not a syntax error. `make` passes `packages` for targets that need `npm ci`.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Finds what is missing on this host.
 *
 * @param {string} version of Node.
 * @param {string} root directory of package.json.
 * @returns {string | undefined} the problem, and what to install.
 */
export function problemOf(version, root, needsPackages = !root.includes('/node_modules/')) {
  const least = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')).engines.node.replace(/[^\d.]/g, '');
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = least.split('.').map(Number);
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    return (
      `Node ${version} is too old: Node ${least} or newer is required (Debian 12 has only 18). ` +
      'Install Node 22 from https://nodejs.org or https://deb.nodesource.com, or use a release, which includes Node (docs/release.md)'
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
