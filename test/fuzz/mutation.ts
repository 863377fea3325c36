import fc from 'fast-check';

/** Changes bytes in one place. Places are fractions, so that they fit data of any length. */
type Mutation = (data: Buffer) => Buffer;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const short = fc.uint8Array({ minLength: 1, maxLength: 24 });

/** Numbers at which something may turn over. */
const edge = fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff);

const mutations: readonly fc.Arbitrary<Mutation>[] = [
  fc.tuple(place, fc.nat(7)).map(([at, bit]) => changing(at, (byte) => byte ^ (1 << bit))),
  fc.tuple(place, edge).map(([at, value]) => changing(at, () => value & 255)),
  fc.tuple(place, edge, fc.boolean()).map(([at, value, big]) => (data) => {
    const start = Math.floor(at * data.length);
    if (start + 4 > data.length) return data;
    if (big) data.writeUInt32BE(value, start);
    else data.writeUInt32LE(value, start);
    return data;
  }),
  // Cut off.
  place.map((at) => (data) => data.subarray(0, Math.floor(at * data.length))),
  // Cut out.
  fc.tuple(place, place).map(([at, more]) => (data) => {
    const start = Math.floor(at * data.length);
    return Buffer.concat([data.subarray(0, start), data.subarray(start + Math.floor(more * (data.length - start)))]);
  }),
  fc.tuple(place, short).map(([at, bytes]) => inserting(at, () => bytes)),
  // Said twice, or in another place.
  fc.tuple(place, place, place).map(([at, from, length]) =>
    inserting(at, (data) => {
      const start = Math.floor(from * data.length);
      return data.subarray(start, start + Math.min(4096, Math.floor(length * (data.length - start))));
    }),
  ),
];

function changing(at: number, change: (byte: number) => number): Mutation {
  return (data) => {
    const index = Math.floor(at * data.length);
    const byte = data[index];
    if (byte !== undefined) data[index] = change(byte);
    return data;
  };
}

function inserting(at: number, what: (data: Buffer) => Uint8Array): Mutation {
  return (data) => {
    const start = Math.floor(at * data.length);
    return Buffer.concat([data.subarray(0, start), what(data), data.subarray(start)]);
  };
}

/** Sound data with a few things changed in it, mostly in its first bytes; and now and then any bytes at all. */
export function mutated(sound: fc.Arbitrary<Uint8Array>, headBytes = 64): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.oneof(...mutations), fc.boolean());
  const changed = fc.tuple(sound, fc.array(change, { minLength: 1, maxLength: 5 })).map(([data, changes]) => {
    let result = Buffer.from(data);
    for (const [mutation, inHead] of changes) {
      const at = inHead ? Math.min(headBytes, result.length) : result.length;
      result = Buffer.concat([mutation(Buffer.from(result.subarray(0, at))), result.subarray(at)]);
    }
    return new Uint8Array(result);
  });
  return fc.oneof({ weight: 19, arbitrary: changed }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 512 }) });
}

/** The same for text, with words of its language thrown in. */
export function mutatedText(sound: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  const thrownIn = fc.array(fc.tuple(place, fc.constantFrom(...words)), { maxLength: 4 });
  const text = fc.tuple(fc.constantFrom(...sound), thrownIn).map(([base, all]) =>
    all.reduce((text, [at, word]) => {
      const start = Math.floor(at * text.length);
      return text.slice(0, start) + word + text.slice(start);
    }, base),
  );
  const bytes = mutated(text.map((text) => new TextEncoder().encode(text))).map((data) => Buffer.from(data).toString());
  return fc.oneof({ weight: 3, arbitrary: bytes }, { weight: 2, arbitrary: text });
}
