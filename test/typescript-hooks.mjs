// The hook behind typescript.mjs: each source is compiled once, by its content, for all processes.
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../node_modules/.cache/typescript/', import.meta.url));

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !/\.ts(\?|$)/.test(url)) return next(url, context);
  return { format: 'module', source: await compiled(url), shortCircuit: true };
}

/** JavaScript of a source, from the cache if it is there. */
export async function compiled(url) {
  const text = readFileSync(new URL(url));
  // Stack traces name the path, so it belongs to the content.
  const path = cache + createHash('sha256').update(`${url}\0`).update(text).digest('hex');
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  // Its process starts at the first use; most processes need none.
  const { transform } = await import('esbuild');
  const options = { loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'inline', sourcesContent: false };
  const { code } = await transform(text, { ...options, sourcefile: url });
  keep(path, code);
  return code;
}

function keep(path, code) {
  try {
    mkdirSync(cache, { recursive: true });
    const made = `${path}.${randomUUID()}`;
    writeFileSync(made, code);
    renameSync(made, path);
  } catch (error) {
    // Tests run some scripts as a user who may not write here.
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error;
  }
}
