import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Site } from './site.ts';

/** Where Debian's carbon keeps its files, and whose they are. */
export const PREFIX = '/var/lib/graphite/whisper';
const OWNER = '_graphite';

/** Points by the path of their file, oldest first. */
export type KnownPoints = Readonly<Record<string, readonly (readonly [time: number, value: number])[]>>;

interface Written {
  readonly metrics: number;
  /** Tells the values apart from those of other calls. */
  readonly seed: number;
}

/** Makes Whisper files on a host, each with the last hour by the minute. */
export async function plantTree(site: Site, host: string, { metrics, seed }: Written): Promise<void> {
  await run(site, host, ['plant', PREFIX, String(metrics), String(seed)]);
}

/** Writes the last five minutes of each, into new files where there are none. @returns all points there are then. */
export async function writeLate(site: Site, host: string, { metrics, seed }: Written): Promise<KnownPoints> {
  await run(site, host, ['add', PREFIX, String(metrics), String(seed)]);
  return pointsOf(site, host);
}

/** Writes the current minute of each, as carbon does. @returns all points there are then. */
export async function writeNow(site: Site, host: string, { metrics, seed }: Written): Promise<KnownPoints> {
  await run(site, host, ['add', PREFIX, String(metrics), String(seed), '1']);
  return pointsOf(site, host);
}

/** A relay that sends points to the host's carbon each second, from when that listens. @returns what ends it. */
export function feedCarbon(site: Site, host: string, { metrics, seed }: Written): () => Promise<void> {
  const feeding = run(site, host, ['feed', PREFIX, String(metrics), String(seed)]);
  // Its failure is told at its end.
  feeding.catch(() => {});
  return async () => {
    await site.on(host, 'touch /run/fed');
    await feeding;
  };
}

/** All points of the last two hours. */
export async function pointsOf(site: Site, host: string): Promise<KnownPoints> {
  return JSON.parse(await run(site, host, ['points', PREFIX]));
}

/** By Graphite's own library on the host, as carbon's user. */
async function run(site: Site, host: string, args: readonly string[]): Promise<string> {
  const program = await readFile(fileURLToPath(new URL('./whispertree.py', import.meta.url)));
  const become = ['setpriv', `--reuid=${OWNER}`, `--regid=${OWNER}`, '--init-groups'];
  const ended = await site.hosts.on(host, [...become, '/usr/bin/python3', '-', ...args], { input: program });
  if (ended.code !== 0) throw new Error(`${host}: ${ended.stderr}`);
  return ended.stdout;
}
