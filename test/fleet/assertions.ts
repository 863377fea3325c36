import assert from 'node:assert/strict';
import type { Outcome } from './recap.ts';
import { HOSTS, type Played } from './site.ts';

/** What a playbook did to one host. */
export function outcome(played: Played, host: string): Outcome {
  const found = played.hosts[host];
  assert.ok(found, `${host} is not in the recap: ${played.stdout}${played.stderr}`);
  return found;
}

/** Every host's counts are these. */
export function assertAll(played: Played, expected: Partial<Outcome>): void {
  const said = `${played.stdout}${played.stderr}`;
  const hosts = Object.entries(played.hosts);
  assert.ok(hosts.length > 0, said);
  for (const [host, found] of hosts) assert.deepEqual({ ...found, ...expected }, found, `${host}: ${said}`);
}

/** Which hosts were changed. */
export function changes(played: Played): Record<string, boolean> {
  return Object.fromEntries(HOSTS.map((host) => [host, outcome(played, host).changed > 0]));
}

/** What a text has that another one has not. */
export function newLines(text: string, earlier = ''): readonly string[] {
  const known = new Set(earlier.split('\n'));
  return text.split('\n').filter((line) => !known.has(line));
}
