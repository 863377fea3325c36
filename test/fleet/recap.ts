/** What ansible-playbook tells of one host at its end. */
export interface Outcome {
  readonly ok: number;
  readonly changed: number;
  readonly unreachable: number;
  readonly failed: number;
}

/** The last lines of ansible-playbook, by host. */
export function recapOf(output: string): Readonly<Record<string, Outcome>> {
  const lines = output.slice(output.lastIndexOf('PLAY RECAP')).matchAll(/^(\w+)\s+: (ok=.*)$/gm);
  return Object.fromEntries(
    [...lines].map(([, host = '', counts = '']) => {
      const count = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(counts)?.[1]);
      return [
        host,
        { ok: count('ok'), changed: count('changed'), unreachable: count('unreachable'), failed: count('failed') },
      ];
    }),
  );
}
