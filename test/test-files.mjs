// Prints the test files that can run on this machine: all, with the argument `fleet` those that boot hosts, with `deno`
// those that are for Deno as well. The former are not: what they prove runs on the hosts, on the release's runtime. Where
// something they need is missing it says loudly which are left out, and for want of what; with CI=true nothing may be left
// out.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missing } from './requirements.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [which = 'all'] = process.argv.slice(2);
const bootsHosts = (name) => /^test\/(hosts|fleet)\//.test(name);
const lacking = missing();
const files = readdirSync(join(root, 'test'), { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((name) => which === 'all' || bootsHosts(name) === (which === 'fleet'))
  .sort();

let left = 0;
for (const file of files) {
  const text = textOf(join(root, file), new Set());
  const wants = lacking.filter(({ usedBy }) => usedBy?.test(text)).map(({ name }) => name);
  if (wants.length === 0) {
    console.log(file);
  } else {
    left++;
    console.error(`NOT RUN: ${file}: it needs ${wants.join(', ')}`);
  }
}
if (left > 0) console.error(`${left} OF ${files.length} TEST FILES ARE LEFT OUT.`);
if (lacking.length > 0 && process.env.CI === 'true') {
  console.error(`With CI=true nothing may be left out; missing: ${lacking.map(({ name }) => name).join(', ')}`);
  // The caller reads a list: an empty one would look like no tests, so name a file that fails.
  console.log('test/nothing-may-be-left-out-in-ci');
  process.exitCode = 1;
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
