import prettyBytes from 'pretty-bytes';
import { UsageError } from '../../../config/errors.ts';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { hintForTree } from '../../../lib/operations/shared/nothing-hint.ts';
import { type FileSchema, type SchemaDifference, schemaDifferences } from '../../../lib/operations/views/schema.ts';
import { ManyLines } from '../io/many-lines.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';
import { newSchemasOf } from '../run/new-schemas.ts';
import { selectOf } from '../run/operation-options.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, interruption, log, output } = invocation;
  const { signal } = interruption;
  const schemaOf = await newSchemasOf(invocation);
  if (!schemaOf) throw new UsageError('schema needs --schemas or --retentions');
  const failures = new ManyLines(log);
  let [files, failed, differing, change] = [0, 0, 0, 0];
  const differences = schemaDifferences({
    ...selectOf(config),
    prefix: config.prefix,
    schemaOf,
    signal,
    onFile: () => files++,
    onFailed: ({ metric, reason }) => {
      failed++;
      failures.write('warn', `failed: ${metric}: ${reason}`, 'failed');
    },
  });
  for await (const difference of differences) {
    differing++;
    change += changeOf(difference);
    await output.write(config.json ? jsonLine({ ...difference, change: changeOf(difference) }) : lineOf(difference));
    if (output.closed) break;
  }
  failures.end();
  if (files === 0 && failed === 0) {
    log.error(
      `No file in ${config.prefix} is selected${await hintForTree(config.prefix, { ...selectOf(config), signal })}`,
    );
    return exitCodes.error;
  }
  log.info(
    `${differing} of ${files} files have another schema: ${signed(change)} if all of them change, failed ${failed}`,
  );
  return failed > 0 ? exitCodes.someFailed : exitCodes.done;
}

function changeOf({ local, wanted }: SchemaDifference): number {
  return wanted.bytes - local.bytes;
}

function signed(bytes: number): string {
  return prettyBytes(bytes, { binary: true, signed: true }).trim();
}

/** The name comes last because its length varies. The change is in bytes for `sort -n`. */
function lineOf(difference: SchemaDifference): string {
  const { metric, local, wanted } = difference;
  const change = changeOf(difference);
  const bytes = `${change > 0 ? '+' : ''}${change}`.padStart(12);
  return `${bytes}  ${textOf(local)} -> ${textOf(wanted)}  ${printable(metric)}\n`;
}

function textOf({ retentions, aggregation, xFilesFactor }: FileSchema): string {
  return `${retentions} ${aggregation} ${xFilesFactor}`;
}
