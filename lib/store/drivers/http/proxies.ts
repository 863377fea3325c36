import { BlockList, isIP } from 'node:net';
import { InvalidOptionError, reasonOf } from '../../../common/errors.ts';

/** Proxies, with the meaning of the variables that other programs read. */
export interface Proxies {
  /** For requests without TLS, from HTTP_PROXY: `http://proxy.example.org:3128`, with user and password if needed. */
  readonly http?: string | undefined;
  /** For requests with TLS, from HTTPS_PROXY. The proxy itself is reached without TLS. */
  readonly https?: string | undefined;
  /** Hosts that are reached directly, from NO_PROXY: `.example.org, 10.0.0.0/8, localhost:8080`, or `*` for all. */
  readonly bypass?: string | undefined;
}

export interface ProxyServer {
  readonly host: string;
  readonly port: number;
  /** For messages: without user and password. */
  readonly name: string;
  /** Value of the header `Proxy-Authorization`. */
  readonly authorization?: string;
}

/** A failure of the proxy itself, not of the host behind it. */
export class ProxyError extends Error {
  readonly code: 'PROXY_REFUSED' | 'PROXY_UNREACHABLE';

  private constructor(code: ProxyError['code'], message: string, options?: { cause: unknown }) {
    super(message, options);
    this.code = code;
  }

  static refused(proxy: string, target: string, status: number): ProxyError {
    const why = status === 407 ? 'requires a user and a password' : `refuses to connect to ${target}`;
    return new ProxyError(
      status >= 500 ? 'PROXY_UNREACHABLE' : 'PROXY_REFUSED',
      `the proxy ${proxy} ${why} (${status}); check HTTPS_PROXY and NO_PROXY`,
    );
  }

  /** @param variable that names it. */
  static unreachable(proxy: string, variable: 'HTTP_PROXY' | 'HTTPS_PROXY', cause: unknown): ProxyError {
    const message = `the proxy ${proxy} cannot be reached (${reasonOf(cause)}); check ${variable} and NO_PROXY`;
    return new ProxyError('PROXY_UNREACHABLE', message, { cause });
  }
}

/** Returns the proxy for a host; undefined if it is reached directly. */
export type FindProxy = (secure: boolean, host: string, port: number) => ProxyServer | undefined;

/** @throws InvalidOptionError if the URL of a proxy is invalid. Never with its user and password. */
export function proxyFinder({ http, https, bypass = '' }: Proxies): FindProxy {
  const plain = http === undefined ? undefined : parseProxy(http, 'HTTP_PROXY');
  const tls = https === undefined ? undefined : parseProxy(https, 'HTTPS_PROXY');
  const rules = bypass
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(bypassRule);
  return (secure, host, port) => {
    const proxy = secure ? tls : plain;
    return proxy && rules.some((matches) => matches(host.toLowerCase(), port)) ? undefined : proxy;
  };
}

function parseProxy(text: string, variable: string): ProxyServer {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol !== 'http:' || url.hostname === '') {
    throw new InvalidOptionError(`${variable} must be a URL like http://proxy.example.org:3128`);
  }
  const port = Number(url.port) || 80;
  const login = `${decode(url.username)}:${decode(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    name: `${url.hostname}:${port}`,
    ...(login !== ':' && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
  };
}

/** A password may contain a `%` that encodes nothing. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

type Rule = (host: string, port: number) => boolean;

/** A domain stands for its subdomains, too, with or without a dot before it; as in curl and Python's `requests`. */
function bypassRule(entry: string): Rule {
  if (entry === '*') return () => true;
  const network = networkOf(entry);
  if (network) return (host) => isIP(host) > 0 && network.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
  const [, name = '', port] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
  return (host, actual) =>
    (port === undefined || Number(port) === actual) && (host === name || host.endsWith(`.${name}`));
}

/** @returns undefined if the entry is no address and no network in CIDR notation. */
function networkOf(entry: string): BlockList | undefined {
  const [address = '', bits] = entry.replace(/^\[(.*)\]$/, '$1').split('/');
  const family = isIP(address);
  if (family === 0) return undefined;
  const most = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : Number(bits);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > most) return undefined;
  const network = new BlockList();
  network.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return network;
}

/** The reason of status 407, with which a proxy answers a request without TLS. */
export const PROXY_LOGIN = 'the proxy requires a user and a password; set them in HTTP_PROXY';
