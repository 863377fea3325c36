import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readBody } from '../../../lib/store/drivers/body.ts';
import { TooLargeError, TransientError } from '../../../lib/store/errors.ts';
import { bytes, text } from '../collect.ts';

async function* stream(...chunks: readonly unknown[]): AsyncGenerator<unknown, void, void> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk;
    yield chunk;
  }
}

const read = (body: unknown, length?: number, maxBytes = 100) => readBody(body, { length, maxBytes, doing: 'read it' });

describe('a body', () => {
  it('is read completely, into its own memory, with or without a known length', async () => {
    for (const length of [5, undefined]) {
      const body = await read(stream(bytes('he'), bytes(''), bytes('llo')), length);
      assert.equal(text(body), 'hello');
      assert.equal(body.buffer.byteLength, 5);
    }
    assert.equal((await read(stream(), 0)).length, 0);
  });

  it('that ends too early, too late, or with an error is rejected', async () => {
    const broken = [
      read(stream(bytes('hel')), 5),
      read(stream(bytes('hello!')), 5),
      read(stream(bytes('hel'), new Error('reset')), 5),
      read(stream(bytes('hel'), new Error('reset'))),
      read(stream('text')),
      read(undefined),
    ];
    for (const one of broken) await assert.rejects(one, TransientError);
  });

  it('may have exactly the maximum number of bytes', async () => {
    assert.equal(text(await read(stream(bytes('hello')), undefined, 5)), 'hello');
    for (const length of [undefined, 6, 2 ** 40]) {
      await assert.rejects(read(stream(bytes('hello!')), length, 5), TooLargeError);
    }
  });

  it('is aborted if it is too large', async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield bytes('more');
      } finally {
        closed = true;
      }
    }
    await assert.rejects(read(endless()), TooLargeError);
    assert.ok(closed);
  });
});
