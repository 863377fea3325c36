/** A new name for something in a directory of the tree, short and of no metric. */
export function temporaryName(): string {
  return `.wb-${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}.tmp`;
}

/** Whether a name is one that {@link temporaryName} gives. */
export function isTemporary(name: string): boolean {
  return /^\.wb-[0-9a-f]{12}\.tmp$/.test(name);
}
