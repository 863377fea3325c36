import { readFile } from 'node:fs/promises';
import { ConfigError, UsageError } from '../../../config/errors.ts';
import { newSchemas, type SchemaOf } from '../../../lib/carbon/new-schemas.ts';
import { parseRetentions } from '../../../lib/carbon/retentions.ts';
import type { OnSkipped } from '../../../lib/carbon/rules.ts';
import { parseStorageAggregation } from '../../../lib/carbon/storage-aggregation.ts';
import { parseStorageSchemas } from '../../../lib/carbon/storage-schemas.ts';
import { pathReason, reasonOf } from '../../../lib/common/errors.ts';
import { validateArchiveList } from '../../../lib/whisper/schema.ts';
import type { Invocation } from './invocation.ts';

/**
 * Reads `--schemas`, `--retentions` and `--aggregations`.
 *
 * @returns undefined if no schema was asked for.
 * @throws UsageError or ConfigError if they are invalid, carbon would not start with a file, or it is not supported.
 */
export async function newSchemasOf({ option, log }: Pick<Invocation, 'option' | 'log'>): Promise<SchemaOf | undefined> {
  const [schemas, retentions, aggregations] = [option('schemas'), option('retentions'), option('aggregations')];
  if (schemas !== undefined && retentions !== undefined)
    throw new UsageError('Use --schemas or --retentions, not both');
  const onSkipped = (file: string) => (section: string, reason: string) => {
    log.warn(`${file}: [${section}] was left out: ${reason}`);
  };
  const rules =
    aggregations === undefined ? undefined : await readRules(aggregations, parseStorageAggregation, onSkipped);
  if (schemas !== undefined) return newSchemas(await readRules(schemas, parseStorageSchemas, onSkipped), rules);
  if (retentions === undefined && rules) throw new UsageError('--aggregations needs --schemas or --retentions');
  return retentions === undefined ? undefined : newSchemas(archivesOf(retentions), rules);
}

async function readRules<T>(
  file: string,
  parse: (text: string, onSkipped: OnSkipped) => T,
  onSkipped: (file: string) => OnSkipped,
): Promise<T> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new ConfigError(`Cannot read ${file}: ${pathReason(cause)}`, { cause });
  });
  try {
    return parse(text, onSkipped(file));
  } catch (cause) {
    throw new ConfigError(`Cannot use ${file}: ${reasonOf(cause)}`, { cause });
  }
}

function archivesOf(text: string) {
  try {
    return validateArchiveList(parseRetentions(text));
  } catch (cause) {
    throw new UsageError(`--retentions ${JSON.stringify(text)}: ${reasonOf(cause)}`, { cause });
  }
}
