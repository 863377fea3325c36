import type { ListRange, ObjectStore, StoredObject } from '../../lib/store/store.ts';

export async function collect(store: ObjectStore, range?: ListRange): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  for await (const object of store.list(range)) objects.push(object);
  return objects;
}

export async function keysOf(store: ObjectStore, range?: ListRange): Promise<string[]> {
  return (await collect(store, range)).map(({ key }) => key);
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}
