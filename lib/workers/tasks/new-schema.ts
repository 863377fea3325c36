import { join } from 'node:path';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { FillRefusedError } from '../../whisper/errors.ts';
import { parseHeader } from '../../whisper/header.ts';
import { differsFrom, reshape } from '../../whisper/reshape.ts';
import { nowOf, type PointsLeft, type PublishTask } from './publish-task.ts';

export interface Content {
  readonly content: Uint8Array;
  readonly left?: PointsLeft;
}

/** Returns the content of a file with the schema that was asked for, if any. */
export function shaped(task: PublishTask, ...sources: readonly [Uint8Array, Uint8Array?]): Content {
  const { schema } = task;
  const [first, second] = sources;
  if (!schema || (!second && !hasOtherSchema(task, first))) return { content: first };
  return withSchemaError(task, () => {
    const { bytes: content, ...left } = reshape(schema, sources, nowOf(task));
    return { content, left };
  });
}

/** Returns whether the task asks for another schema than that of the file. */
export function hasOtherSchema(task: PublishTask, bytes: Uint8Array): boolean {
  const { schema } = task;
  return schema !== undefined && withSchemaError(task, () => differsFrom(parseHeader(bytes), schema));
}

/** @throws WhisperBackupError that names the file and why its points cannot go into another schema. */
function withSchemaError<R>({ prefix, path }: PublishTask, run: () => R): R {
  try {
    return run();
  } catch (cause) {
    const reason = reasonOf(cause instanceof FillRefusedError ? cause.cause : cause);
    const message = `Cannot restore ${join(prefix, path)}.wsp with another schema: ${reason}: restore it without a new schema`;
    throw new WhisperBackupError(codeOf(cause), message, { cause });
  }
}
