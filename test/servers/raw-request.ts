/** The raw head of a request. */
export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A whole request. */
export interface RawRequest extends RequestHead {
  readonly body: Uint8Array;
}

const END = Buffer.from('\r\n\r\n');

/**
 * Splits the data of a connection into requests with a Content-Length.
 *
 * @throws Error for other data.
 */
export async function* readRequests(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawRequest, void, void> {
  let have = Buffer.alloc(0);
  let head: RequestHead | undefined;
  for await (const chunk of chunks) {
    have = Buffer.concat([have, chunk]);
    for (;;) {
      if (!head) {
        const end = have.indexOf(END);
        if (end < 0) break;
        head = parseHead(have.toString('latin1', 0, end));
        have = have.subarray(end + END.length);
      }
      const length = Number(head.headers['content-length'] ?? 0);
      if (have.length < length) break;
      yield { ...head, body: new Uint8Array(have.subarray(0, length)) };
      have = have.subarray(length);
      head = undefined;
    }
  }
}

function parseHead(text: string): RequestHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', url = ''] = first.split(' ');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  if ('transfer-encoding' in headers || 'expect' in headers) throw new Error(`${method} ${url} has no Content-Length`);
  return { method, url, headers };
}
