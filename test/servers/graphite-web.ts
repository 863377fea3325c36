import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Query {
  /** As Grafana sends it. */
  readonly target: string;
  /** How far back it looks. */
  readonly seconds: number;
}

export interface Series {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Those that are there, oldest first. */
  readonly values: readonly number[];
}

/** Has a real graphite-web answer queries over a tree of Whisper files. @returns the series of each query. */
export async function askGraphite(prefix: string, queries: readonly Query[]): Promise<Series[][]> {
  const script = fileURLToPath(new URL('graphiteweb.py', import.meta.url));
  const child = spawn('/usr/bin/python3', [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.end(JSON.stringify({ prefix, queries }));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`graphite-web ended with ${code}: ${err}`);
  return JSON.parse(out);
}
