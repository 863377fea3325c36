import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Places } from '../contender.ts';
import type { Command } from '../meter.ts';
import type { Program } from '../program.ts';
import type { ContenderInfo } from '../results.ts';
import type { RemoteAddress } from './remote.ts';

/** A program that backs up to an object store. */
export interface Client extends ContenderInfo {
  /** Makes an empty store; not measured. */
  prepare?(at: RemoteAddress, bucket: string, places: Places): Command;
  backup(at: RemoteAddress, bucket: string, places: Places): Command;
  /** Restores everything into an empty directory. */
  restore(at: RemoteAddress, bucket: string, places: Places, target: string): Command;
}

/** How many files rclone copies at once, instead of its 4: a fair number for small files. */
const TRANSFERS = '16';

/** Returns all programs that are installed. */
export function allClients(program: Program, only?: readonly string[]): Client[] {
  const others = [rclone, restic].filter(({ id }) => existsSync(`/usr/bin/${id}`));
  return [oursAs(program), ...others].filter(({ id }) => only?.includes(id) ?? true);
}

function oursAs(program: Program): Client {
  const command = (at: RemoteAddress, bucket: string, { state }: Places, what: string, prefix: string): Command => ({
    ...program.command('release', [
      ...[what, ...at.ours, '--bucket', bucket, '--prefix', prefix],
      ...['--nolog', '--nostamp', '--quiet', '--lockfile', join(state, 'run.lock'), '--state-dir', state],
      ...['--cache-dir', join(state, 'cache')],
    ]),
    env: at.env,
  });
  return {
    id: 'ours',
    title: 'whisper-backup',
    kind: 'ours',
    backup: (at, bucket, places) => command(at, bucket, places, 'backup', places.tree),
    restore: (at, bucket, places, target) => command(at, bucket, places, 'restore', target),
  };
}

const rcloneCopy = (at: RemoteAddress, { state }: Places, ...words: string[]): Command => ({
  words: ['rclone', 'copy', '--transfers', TRANSFERS, '--checkers', TRANSFERS, ...words],
  // Its S3 client cannot use a CA bundle.
  env: { ...at.env, RCLONE_CONFIG: join(state, 'rclone.conf'), AWS_CA_BUNDLE: '' },
});

const rclone: Client = {
  id: 'rclone',
  title: `rclone copy, ${TRANSFERS} transfers (no compression, no hash, no history)`,
  kind: 'other',
  backup: (at, bucket, places) => rcloneCopy(at, places, places.tree, `r:${bucket}`),
  restore: (at, bucket, places, target) => rcloneCopy(at, places, `r:${bucket}`, target),
};

const resticCommand = (at: RemoteAddress, bucket: string, { state }: Places, ...words: string[]): Command => ({
  words: ['restic', '--quiet', '--repo', at.restic(bucket), '--cache-dir', join(state, 'cache'), ...words],
  env: { ...at.env, RESTIC_PASSWORD: 'bench' },
});

const restic: Client = {
  id: 'restic',
  title: 'restic (packs of 16 MB)',
  kind: 'other',
  prepare: (at, bucket, places) => resticCommand(at, bucket, places, 'init'),
  backup: (at, bucket, places) => resticCommand(at, bucket, places, 'backup', places.tree),
  restore: (at, bucket, places, target) => resticCommand(at, bucket, places, 'restore', 'latest', '--target', target),
};
