import { type Proxies, proxyFinder } from '../../lib/store/drivers/http/proxies.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the proxies from HTTP_PROXY, HTTPS_PROXY and NO_PROXY. In lower case they take precedence, as in curl; an empty
 * variable counts as not set.
 *
 * @returns undefined if there is no proxy.
 * @throws InvalidOptionError if one is invalid. Never with its user and password.
 */
export function proxiesIn(environment: Environment): Proxies | undefined {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name] || undefined;
  const [http, https, bypass] = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].map(read);
  if (http === undefined && https === undefined) return undefined;
  const proxies = { http, https, bypass };
  proxyFinder(proxies);
  return proxies;
}

/** Returns the first CA bundle that the variables name. An empty variable counts as not set. */
export function caBundleIn(environment: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]).find((path) => path);
}
