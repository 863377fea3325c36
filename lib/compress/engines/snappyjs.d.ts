declare module 'snappyjs' {
  /**
   * Decodes one raw Snappy block.
   *
   * @throws Error if it is damaged or declares more than `maxLength` bytes.
   */
  export function uncompress(compressed: Uint8Array, maxLength?: number): Uint8Array;
  export function compress(uncompressed: Uint8Array): Uint8Array;
}
