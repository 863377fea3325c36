/** Returns a unique name for a temporary file or directory in the tree: short, and never that of a metric. */
export function temporaryName(): string {
  return `.wb-${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}.tmp`;
}

export function isTemporary(name: string): boolean {
  return /^\.wb-[0-9a-f]{12}\.tmp$/.test(name);
}
