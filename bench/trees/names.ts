import { SAMPLE_NAMES } from './sample-tree.ts';

/**
 * Returns the path of a file below the prefix, without `.wsp`. Files are distributed evenly over the hosts; a host with
 * many files groups them by service.
 */
export function pathAt(index: number, hosts: number): string {
  const host = `web${String(index % hosts).padStart(4, '0')}`;
  const metric = Math.floor(index / hosts);
  const name = SAMPLE_NAMES[metric % SAMPLE_NAMES.length] ?? '';
  const service = Math.floor(metric / SAMPLE_NAMES.length);
  const group = service === 0 ? '' : `services.s${String(service).padStart(2, '0')}.`;
  return `servers.${host}.${group}${name}`.replaceAll('.', '/');
}

/** The directory of one host: one percent of a tree with a hundred hosts. */
export const ONE_HOST = 'servers/web0000';
