import { parseTimestamp } from '../common/timestamp.ts';

/** The end of a backup's key, and of a key into which a store may change it: in another case, with other punctuation. */
const INTACT = /\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.(?:[0-9a-f]{40}\.)?(?:wsp\.(?:gz|zst|sz)|sha1|gone)$/;
const MARK = '(?:%3A|%2B|[^\\da-z/%]?)';
const CHANGED = new RegExp(
  `(?:/|%2F)(\\d{4}-\\d\\d-\\d\\d)T(\\d\\d)${MARK}(\\d\\d)${MARK}(\\d\\d)${MARK}00${MARK}00\\.` +
    '(?:[0-9a-f]{40}\\.)?(?:wsp\\.(?:gz|zst|sz)|sha1|gone)$',
  'i',
);

/** Returns the time of a backup whose key the store has changed, such as `+` to a space; undefined for other keys. */
export function timeOfChangedKey(key: string): Date | undefined {
  if (INTACT.test(key)) return undefined;
  const [, date, hour, minute, second] = CHANGED.exec(key) ?? [];
  return date === undefined ? undefined : parseTimestamp(`${date}T${hour}:${minute}:${second}+00:00`);
}
