/** The processors that releases are built for, in Node's names. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;

export type Architecture = (typeof ARCHITECTURES)[number];

export function isArchitecture(name: string): name is Architecture {
  return ARCHITECTURES.some((known) => known === name);
}
