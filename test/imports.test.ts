import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('each folder of sources', () => {
  const sources = ['lib', 'config', 'scripts', 'bench'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .map((name) => join(top, name))
      .filter((name) => name.endsWith('.ts') && !name.includes('node_modules')),
  );
  const folders = [...new Set(sources.map(dirname))].toSorted();

  it('has a README of one paragraph', () => {
    for (const folder of folders) {
      const text = readFileSync(join(root, folder, 'README.md'), 'utf8');
      assert.match(text, new RegExp(`^# ${folder}\n\n(?:.+\n)+$`), `${folder}/README.md`);
    }
  });

  it('has a rule for its imports, unless it has entry points', () => {
    const { overrides } = JSON.parse(readFileSync(join(root, 'biome.imports.json'), 'utf8'));
    const rules: RegExp[] = overrides.flatMap(({ includes }: { includes: string[] }) =>
      includes.map((glob) => new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll(/\*+/g, '[^/]+')}$`)),
    );
    const free = sources.filter((name) => !rules.some((rule) => rule.test(name))).map(dirname);
    assert.deepEqual([...new Set(free)].toSorted(), ['scripts', 'scripts/runbooks']);
  });
});
