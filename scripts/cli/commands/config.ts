import { redact } from '../../../config/redact.ts';
import { keys } from '../../../config/schema.ts';
import { checkStorage } from '../../../config/storage/storage.ts';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { plainTable } from '../../../lib/common/table.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';

export async function run({ config, origins, output }: Invocation): Promise<number> {
  if (config.storage !== undefined) checkStorage(config.storage);
  const rows = keys.map((key) => ({ key, value: redact(key, config[key]), origin: origins.get(key) ?? 'unset' }));
  if (config.json) {
    const entries = rows.map(({ key, value, origin }) => [key, { value: value ?? null, origin }]);
    await output.write(jsonLine(Object.fromEntries(entries)));
    return exitCodes.done;
  }
  const texts = rows.map(({ key, value, origin }) => [key, JSON.stringify(value) ?? '-', origin].map(printable));
  await output.write(`${plainTable(texts).join('\n')}\n`);
  return exitCodes.done;
}
