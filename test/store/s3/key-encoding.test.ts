import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyEncoding } from '../../../lib/store/drivers/s3/key-encoding.ts';

const KEYS = ['a b/2026+00', 'a%2Eb/2026+00', 'c/2026+00', 'ü/2026+00'];

/** How a store may encode keys, and whether it says so. */
interface Encoder {
  readonly encode: (key: string) => string;
  readonly isSaid: boolean;
}

const percent = (key: string) => encodeURIComponent(key).replaceAll('%2F', '/');
const encoders: Readonly<Record<string, Encoder>> = {
  'percent for everything': { encode: percent, isSaid: true },
  'a plus for a space, as Amazon does': { encode: (key) => percent(key).replaceAll('%20', '+'), isSaid: true },
  'a plus that stays a plus': { encode: (key) => percent(key).replaceAll('%2B', '+'), isSaid: true },
  'nothing, and saying so': { encode: (key) => key, isSaid: false },
  'percent without saying so': { encode: percent, isSaid: false },
  'percent but for a plus, without saying so': { encode: (key) => percent(key).replaceAll('%2B', '+'), isSaid: false },
};

/** Decodes a listing page by page. @returns the keys, and how often the store was asked. */
async function decodeAll({ encode, isSaid }: Encoder, pages: readonly (readonly string[])[]) {
  const encoding = new KeyEncoding();
  const all = pages.flat();
  let asked = 0;
  const exists = async (prefix: string) => {
    asked++;
    return all.some((key) => key.startsWith(prefix));
  };
  const decoded: (string | undefined)[] = [];
  for (const page of pages) {
    const keys = page.map(encode);
    decoded.push(...keys.map(await encoding.decoder(keys, isSaid, exists)));
  }
  return { decoded, asked };
}

describe('the keys of an S3 listing', () => {
  for (const [how, encoder] of Object.entries(encoders)) {
    it(`are those that were stored if the store writes ${how}`, async () => {
      for (const pages of [[KEYS], KEYS.map((key) => [key]), KEYS.toReversed().map((key) => [key])]) {
        const { decoded, asked } = await decodeAll(encoder, pages);
        assert.deepEqual(decoded, pages.flat());
        assert.ok(asked <= 3, `${asked} requests`);
      }
    });
  }

  it('cost no request more on Amazon', async () => {
    const amazon = encoders['a plus for a space, as Amazon does'] ?? assert.fail();
    assert.equal((await decodeAll(amazon, [KEYS])).asked, 0);
    assert.equal((await decodeAll(amazon, [['c']])).asked, 0);
  });
});
