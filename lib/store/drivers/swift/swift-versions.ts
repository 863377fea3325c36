import { compareKeys } from '../../../common/order.ts';
import { PermanentError } from '../../errors.ts';
import { quoted } from '../../key.ts';
import type { ListRange, Page, StoredObject } from '../../store.ts';
import { type Versions, versionsMissing } from '../as-of.ts';
import { headerOf } from '../http/client.ts';
import { containerMissing, MAX_PAGE_BYTES, parsePage, readRow } from './listing.ts';
import { containerPath } from './path.ts';
import type { Requests } from './requests.ts';

const DELETE_MARKER = 'application/x-deleted;swift_versions_deleted=1';

/** Before all versions of an object: they are listed from the newest, and have names like `1795955520.12345`. */
const NEWEST = '9999999999.99999';

/** The container, and how many versions to list with a request. */
interface Container {
  readonly name: string;
  readonly pageSize: number | undefined;
}

/** Reads the versions of a container of Swift (`X-Versions-Enabled`) at a moment. */
export class SwiftVersions implements Versions {
  readonly #requests: Requests;
  readonly #container: Container;
  readonly #asOf: Date;

  constructor(requests: Requests, container: Container, asOf: Date) {
    this.#requests = requests;
    this.#container = container;
    this.#asOf = asOf;
  }

  async check(doing: string, signal: AbortSignal | undefined): Promise<void> {
    const answer = await this.#send({ limit: '1' }, doing, signal ? { signal } : {});
    // Disabled versioning leaves the versions from before.
    if (headerOf(answer, 'x-versions-enabled') === undefined) throw versionsMissing(doing);
  }

  async *pages(
    { prefix = '', startAfter, endBefore, ...how }: ListRange,
    doing: string,
  ): AsyncGenerator<Page, void, void> {
    let marker: { readonly marker?: string; readonly version_marker?: string } =
      startAfter === undefined ? {} : { marker: startAfter };
    let decided: string | undefined;
    for (;;) {
      how.signal?.throwIfAborted();
      const { body } = await this.#send({ versions: '', ...(prefix !== '' && { prefix }), ...marker }, doing, how);
      const rows = parsePage(body, doing, readVersion);
      const last = rows.at(-1);
      if (!last) return;
      const page: StoredObject[] = [];
      for (const { isMarker, ...object } of rows) {
        if (object.key === decided || object.modified > this.#asOf) continue;
        decided = object.key;
        if (!isMarker) page.push(object);
      }
      const past = endBefore === undefined ? -1 : page.findIndex(({ key }) => compareKeys(key, endBefore) >= 0);
      yield (past < 0 ? page : page.slice(0, past)).filter(({ key }) => key.startsWith(prefix));
      if (endBefore !== undefined && compareKeys(last.key, endBefore) >= 0) return;
      // An object that is decided may have many older versions: skip them.
      const version = last.version === 'null' ? NEWEST : last.version;
      const next = { marker: last.key, ...(last.key !== decided && { version_marker: version }) };
      if (next.marker === marker.marker && next.version_marker === marker.version_marker) {
        throw new PermanentError(`Cannot ${doing}: the listing repeats itself at ${quoted(last.key)}`);
      }
      marker = next;
    }
  }

  async #send(query: Readonly<Record<string, string>>, doing: string, how: Pick<ListRange, 'onProgress' | 'signal'>) {
    const { name, pageSize } = this.#container;
    const answer = await this.#requests.send({
      method: 'GET',
      path: containerPath(name),
      query: { format: 'json', ...(pageSize !== undefined && { limit: String(pageSize) }), ...query },
      maxBytes: MAX_PAGE_BYTES,
      doing,
      onProgress: how.onProgress,
      signal: how.signal,
    });
    if (answer.status === 404) throw containerMissing(name);
    if (answer.status < 200 || answer.status >= 300) throw this.#requests.error(answer, doing);
    return answer;
  }
}

interface Version extends StoredObject {
  readonly version: string;
  /** Whether it says that the object was deleted. */
  readonly isMarker: boolean;
}

function readVersion(row: unknown): Version {
  const object = readRow(row);
  const { version_id: version, content_type } = row as {
    readonly version_id?: unknown;
    readonly content_type?: unknown;
  };
  if (typeof version !== 'string') throw new Error('an object has no version');
  // What was stored before versions were enabled is copied when it is overwritten: its name still has its own time.
  const modified = version === 'null' ? object.modified : new Date(Number.parseFloat(version) * 1000);
  if (Number.isNaN(modified.getTime())) throw new Error('a version has no time');
  return { ...object, modified, version, isMarker: content_type === DELETE_MARKER };
}
