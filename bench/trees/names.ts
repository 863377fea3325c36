import { SAMPLE_NAMES } from './sample-tree.ts';

/**
 * The path of a tree's file below the prefix, without `.wsp`: files are dealt out to the hosts evenly, and a host with
 * many has them by service.
 */
export function pathAt(index: number, hosts: number): string {
  const host = `web${String(index % hosts).padStart(4, '0')}`;
  const metric = Math.floor(index / hosts);
  const name = SAMPLE_NAMES[metric % SAMPLE_NAMES.length] ?? '';
  const service = Math.floor(metric / SAMPLE_NAMES.length);
  const group = service === 0 ? '' : `services.s${String(service).padStart(2, '0')}.`;
  return `servers.${host}.${group}${name}`.replaceAll('.', '/');
}

/** The directory of one host: with a hundred hosts one per cent of the tree. */
export const ONE_HOST = 'servers/web0000';
