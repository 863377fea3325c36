import * as v from 'valibot';
import { InvalidOptionError } from '../../../common/errors.ts';
import { NotFoundError, PermanentError, TransientError } from '../../errors.ts';
import { headerOf } from '../http/client.ts';
import { swiftError } from './errors.ts';
import type { Send } from './login.ts';
import {
  checkUrl,
  type KeystoneApplicationCredential,
  type KeystoneName,
  type KeystonePassword,
  type SwiftStoreOptions,
  secretsOf,
} from './options.ts';
import type { Access } from './session.ts';

const serviceSchema = v.object({
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

type Service = v.InferOutput<typeof serviceSchema>;

/**
 * Returns the URL of the account in the object store of a region. Does not choose between several regions: the order of
 * a catalog may change, and a backup must find the earlier ones.
 *
 * @throws InvalidOptionError that lists the available choices.
 */
function selectEndpoint(
  catalog: readonly Service[],
  { region, interface: kind = 'public' }: Pick<SwiftStoreOptions, 'region' | 'interface'>,
): string {
  const all = catalog.filter(({ type }) => type === 'object-store').flatMap(({ endpoints }) => endpoints);
  if (all.length === 0) {
    throw new InvalidOptionError('Cannot find Swift: the service catalog of this project has no object store');
  }
  const candidates = all.filter((endpoint) => endpoint.interface === kind);
  if (candidates.length === 0) {
    throw new InvalidOptionError(
      `Cannot find Swift: the catalog has no ${kind} interface of it, only ${formatNames(all.map((one) => one.interface))}`,
    );
  }
  const regionOf = (endpoint: (typeof all)[number]) => endpoint.region_id ?? endpoint.region ?? '';
  const found = candidates.filter((one) => region === undefined || one.region === region || one.region_id === region);
  const [endpoint] = found;
  if (!endpoint) {
    throw new InvalidOptionError(
      `Cannot find Swift: the catalog has no region ${JSON.stringify(region)}, only ${formatNames(candidates.map(regionOf))}`,
    );
  }
  const regions = new Set(found.map(regionOf));
  if (regions.size > 1) {
    throw new InvalidOptionError(
      `Cannot find Swift: the catalog has several regions, set one of ${formatNames([...regions])}`,
    );
  }
  const url = endpoint.url ?? '';
  checkUrl("The object store's URL in the service catalog", url);
  return url;
}

function formatNames(names: readonly string[]): string {
  return [...new Set(names)]
    .sort()
    .map((name) => JSON.stringify(name))
    .join(', ');
}

const answerSchema = v.object({
  token: v.object({
    issued_at: v.optional(v.string()),
    expires_at: v.nullish(v.string()),
    catalog: v.optional(v.array(serviceSchema), []),
  }),
});

/**
 * Logs in to Keystone v3 (OpenStack Identity API, `POST /v3/auth/tokens`).
 *
 * @throws DeniedError if the credentials are refused.
 * @throws InvalidOptionError if the catalog does not have the endpoint.
 */
export async function keystoneLogin(
  auth: KeystonePassword | KeystoneApplicationCredential,
  options: SwiftStoreOptions,
  send: Send,
): Promise<Access> {
  const base = auth.authUrl.replace(/\/+$/, '');
  const url = `${/\/v3$/.test(base) ? base : `${base}/v3`}/auth/tokens`;
  const doing = `log in at ${base}${'user' in auth ? ` as ${labelOf(auth.user)}` : ' with an application credential'}`;
  const answer = await send({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ auth: auth.method === 'password' ? passwordBody(auth) : credentialBody(auth) }),
    maxBytes: 4 * 1024 * 1024,
    doing,
    signal: undefined,
  });
  if (answer.status === 404) throw new NotFoundError(`Cannot ${doing}: there is no Keystone v3 at that URL (404)`);
  if (answer.status < 200 || answer.status >= 300) throw swiftError(answer, doing, secretsOf(auth));
  const token = headerOf(answer, 'x-subject-token');
  if (!token)
    throw new PermanentError(`Cannot ${doing}: the response has no token; check that this is the URL of Keystone v3`);
  const { catalog, expires_at, issued_at } = parse(answer.body, doing);
  const storageUrl = options.storageUrl ?? selectEndpoint(catalog, options);
  // Both are from Keystone's clock, so this host's clock does not matter.
  const lifetime = (Date.parse(expires_at ?? '') - Date.parse(issued_at ?? '')) / 1000;
  return { token, storageUrl, ...(lifetime > 0 && { lifetime }) };
}

function parse(
  body: Uint8Array,
  doing: string,
): { catalog: readonly Service[]; expires_at?: string | null | undefined; issued_at?: string | undefined } {
  try {
    return v.parse(answerSchema, JSON.parse(new TextDecoder().decode(body))).token;
  } catch {
    // Without the cause, which may contain a part of the response.
    throw new TransientError(`Cannot ${doing}: the response is not from Keystone v3`);
  }
}

function passwordBody({ user, password, project }: KeystonePassword): unknown {
  return {
    identity: { methods: ['password'], password: { user: { ...nameFields(user), password } } },
    scope: { project: nameFields(project) },
  };
}

function credentialBody(auth: KeystoneApplicationCredential): unknown {
  const { secret } = auth;
  const which = 'id' in auth ? { id: auth.id } : { name: auth.name, user: nameFields(auth.user) };
  return { identity: { methods: ['application_credential'], application_credential: { ...which, secret } } };
}

function nameFields(name: KeystoneName): object {
  return 'id' in name ? { id: name.id } : { name: name.name, domain: name.domain ?? { id: 'default' } };
}

function labelOf(name: KeystoneName): string {
  return JSON.stringify('id' in name ? name.id : name.name);
}
