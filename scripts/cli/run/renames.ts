import { readFile } from 'node:fs/promises';
import { ConfigError, UsageError } from '../../../config/errors.ts';
import { parseRename, type RenameRule } from '../../../lib/bucket/rename.ts';
import { pathReason } from '../../../lib/common/errors.ts';
import type { Invocation } from './invocation.ts';

/**
 * Reads `--rename`, `--rename-file` and `--merge`.
 *
 * @throws UsageError or ConfigError if a rule is invalid, or the file cannot be read.
 */
export async function renamesOf({ option, options }: Pick<Invocation, 'option' | 'options'>): Promise<{
  readonly rename: readonly RenameRule[];
  readonly merge: boolean;
}> {
  const typed = options('rename').map((text) => {
    const rule = parseRename(text);
    if (rule) return rule;
    throw new UsageError(
      `--rename must be OLD=NEW, such as servers.web03=servers.web09; names with a = need a tab instead: got ${JSON.stringify(text)}`,
    );
  });
  const file = option('renameFile');
  const rename = [...typed, ...(file === undefined ? [] : await readRenames(file))];
  const pattern = rename.find(({ from }) => /[*?]/.test(from));
  if (pattern)
    throw new UsageError(
      `Cannot rename ${pattern.from}: a rule has the name of a metric, or of what metrics are below, and no wildcards: select metrics with -m`,
    );
  const merge = option('merge') === 'true';
  if (merge && rename.length === 0) throw new UsageError('--merge needs --rename or --rename-file');
  return { rename, merge };
}

async function readRenames(file: string): Promise<RenameRule[]> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new ConfigError(`Cannot read the rename file ${file}: ${pathReason(cause)}`, { cause });
  });
  const rules: RenameRule[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const rule = parseRename(line);
    if (!rule) {
      throw new ConfigError(
        `Cannot use line ${index + 1} of the rename file ${file}: it must be OLD=NEW; names with a = need a tab instead: got ${JSON.stringify(line)}`,
      );
    }
    rules.push(rule);
  }
  return rules;
}
