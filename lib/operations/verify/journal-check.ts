import { journalKey, rootOf } from '../../bucket/layout.ts';
import type { DamageCode } from '../../common/codes.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { BlockReader, type StoredPart } from '../../journal/blocks.ts';
import { groupsOf } from '../../journal/groups.ts';
import { INDEX_NAME } from '../../journal/index-file.ts';
import { parseLines } from '../../journal/points.ts';
import { journalRuns } from '../../journal/runs.ts';
import { NotFoundError, StoreError } from '../../store/errors.ts';
import { isListed } from '../../store/is-listed.ts';
import type { Run } from '../shared/run.ts';
import type { VerifyOptions } from './verify.ts';

/**
 * Checks that the indexes of the journal can be used and all their parts exist; with `readData` also reads every line.
 *
 * @throws StoreError if the bucket cannot be listed.
 */
export async function checkJournal(run: Run<VerifyOptions>): Promise<void> {
  const { store, options } = run;
  const { readData = false, signal } = options;
  const sizes = new Map<string, number>();
  const report = (key: string, code: DamageCode, reason: string) =>
    run.damage({ metric: key, key, code, reason, instead: null });
  // If the store failed, the object was not checked.
  const reportError = (key: string, error: unknown) => {
    if (error instanceof StoreError) run.failWith(key, error);
    else report(key, codeOf(error), reasonOf(error));
  };
  const runs = await journalRuns(store, options, {
    signal,
    onDamaged: ({ key, error }) => reportError(key, error),
    onObject: ({ key, size }) => sizes.set(key, size),
  });
  for (const [part, until] of runs.flatMap(({ parts, until }) => parts.map((part) => [part, until] as const))) {
    const size = sizes.get(part.key);
    if (size === undefined)
      report(part.key, 'NOT_FOUND', 'the index of the journal run names it, but it does not exist');
    else if (size !== part.size)
      report(part.key, 'WRONG_SIZE', `it has ${size} bytes, but the index of the journal run names ${part.size}`);
    else if (readData !== false) {
      try {
        await readPart(run, part);
      } catch (error) {
        signal.throwIfAborted();
        const index = journalKey(rootOf(options), until, INDEX_NAME);
        const hasExpired = error instanceof NotFoundError && !(await isListed(store, index, signal));
        if (!hasExpired) reportError(part.key, error);
      }
    }
  }
}

async function readPart(run: Run<VerifyOptions>, part: StoredPart): Promise<void> {
  const blocks = new BlockReader(run.store, part, () => part.size, run.options.signal);
  let lines = 0;
  let malformed = 0;
  let last: string | undefined;
  for (let block = await blocks.next(); block; block = await blocks.next()) {
    for (const group of groupsOf(block, last)) {
      lines += group.lines;
      malformed += parseLines(group.bytes).malformed;
      last = group.order;
    }
  }
  run.add('bytesFetched', blocks.bytesRead);
  if (lines !== part.lines || malformed > 0)
    throw new WhisperBackupError(
      'BAD_LINES',
      `Cannot use all of the journal part ${part.key}: ${malformed} of its ${lines} lines are not points, and its index names ${part.lines} lines`,
    );
}
