import * as v from 'valibot';
import { InvalidOptionError } from '../../../common/errors.ts';
import { checkUrl, type SwiftStoreOptions } from './options.ts';

/** A service of Keystone's catalog. */
export const serviceSchema = v.object({
  type: v.string(),
  endpoints: v.optional(
    v.array(
      v.object({
        interface: v.string(),
        url: v.nullish(v.string()),
        region: v.nullish(v.string()),
        region_id: v.nullish(v.string()),
      }),
    ),
    [],
  ),
});

export type Service = v.InferOutput<typeof serviceSchema>;

/**
 * The URL of the account in the object store of a region. Where there are several regions none is taken by chance:
 * the order of a catalog is nobody's promise, and a backup must find what the last one wrote.
 *
 * @throws InvalidOptionError naming what there is.
 */
export function endpointOf(
  catalog: readonly Service[],
  { region, interface: kind = 'public' }: Pick<SwiftStoreOptions, 'region' | 'interface'>,
): string {
  const all = catalog.filter(({ type }) => type === 'object-store').flatMap(({ endpoints }) => endpoints);
  if (all.length === 0) {
    throw new InvalidOptionError('Cannot find Swift: the service catalog of this project has no object store');
  }
  const ofKind = all.filter((endpoint) => endpoint.interface === kind);
  if (ofKind.length === 0) {
    throw new InvalidOptionError(
      `Cannot find Swift: the catalog has no ${kind} interface of it, only ${listed(all.map((one) => one.interface))}`,
    );
  }
  const regionOf = (endpoint: (typeof all)[number]) => endpoint.region_id ?? endpoint.region ?? '';
  const found = ofKind.filter((one) => region === undefined || one.region === region || one.region_id === region);
  const [endpoint] = found;
  if (!endpoint) {
    throw new InvalidOptionError(
      `Cannot find Swift: the catalog has no region ${JSON.stringify(region)}, only ${listed(ofKind.map(regionOf))}`,
    );
  }
  const regions = new Set(found.map(regionOf));
  if (regions.size > 1) {
    throw new InvalidOptionError(`Cannot choose a Swift: name one of the regions ${listed([...regions])}`);
  }
  const url = endpoint.url ?? '';
  checkUrl("The object store's URL in the service catalog", url);
  return url;
}

function listed(names: readonly string[]): string {
  return [...new Set(names)]
    .sort()
    .map((name) => JSON.stringify(name))
    .join(', ');
}
