/** What is in it besides its administrator. All names are in the domain `default`. */
export interface KeystoneContent {
  readonly user: string;
  readonly userId: string;
  readonly password: string;
  readonly project: string;
  readonly projectId: string;
  /** Of the user, for the project. */
  readonly applicationCredential: { readonly id: string; readonly name: string; readonly secret: string };
  /** For S3: an access key and its secret. */
  readonly ec2: { readonly access: string; readonly secret: string };
  /** Ends every token that the user has got so far. */
  revokeTokens(): Promise<void>;
}

/** Makes the service Swift, its user, and the project and user for backups. */
export async function fillKeystone(url: string, adminPassword: string, objectStore: string): Promise<KeystoneContent> {
  const [user, password, project] = ['backup', 'backup-password', 'backup'];
  const admin = await logIn(url, 'admin', adminPassword, 'admin');
  const make = async (path: string, kind: string, fields: object) =>
    text(await call(url, 'POST', path, { token: admin, body: { [kind]: fields } }), kind, 'id');

  const roles = await call(url, 'GET', '/roles', { token: admin });
  const role = (name: string) => {
    const found = list(roles, 'roles').find((one) => text(one, 'name') === name);
    return text(found, 'id');
  };
  const grant = (project: string, user: string, name: string) =>
    call(url, 'PUT', `/projects/${project}/users/${user}/roles/${role(name)}`, { token: admin });

  const serviceProject = await make('/projects', 'project', { name: 'service', domain_id: 'default' });
  const swift = await make('/users', 'user', { name: 'swift', password: 'swift-password', domain_id: 'default' });
  await grant(serviceProject, swift, 'admin');
  await make('/regions', 'region', { id: 'RegionTwo' });
  const service = await make('/services', 'service', { name: 'swift', type: 'object-store' });
  for (const kind of ['public', 'internal', 'admin']) {
    const endpoint = { service_id: service, interface: kind };
    await make('/endpoints', 'endpoint', { ...endpoint, url: objectStore, region_id: 'RegionOne' });
  }
  const nowhere = { service_id: service, interface: 'public', url: 'http://127.0.0.1:1/v1', region_id: 'RegionTwo' };
  await make('/endpoints', 'endpoint', nowhere);
  const projectId = await make('/projects', 'project', { name: project, domain_id: 'default' });
  const userId = await make('/users', 'user', { name: user, password, domain_id: 'default' });
  await grant(projectId, userId, 'member');

  const own = await logIn(url, user, password, project);
  const credential = await call(url, 'POST', `/users/${userId}/application_credentials`, {
    token: own,
    body: { application_credential: { name: 'backup' } },
  });
  const ec2 = await call(url, 'POST', `/users/${userId}/credentials/OS-EC2`, {
    token: own,
    body: { tenant_id: projectId },
  });
  return {
    user,
    userId,
    password,
    project,
    projectId,
    applicationCredential: {
      id: text(credential, 'application_credential', 'id'),
      name: 'backup',
      secret: text(credential, 'application_credential', 'secret'),
    },
    ec2: { access: text(ec2, 'credential', 'access'), secret: text(ec2, 'credential', 'secret') },
    async revokeTokens() {
      for (const enabled of [false, true]) {
        await call(url, 'PATCH', `/users/${userId}`, { token: admin, body: { user: { enabled } } });
      }
    },
  };
}

async function logIn(url: string, user: string, password: string, project: string): Promise<string> {
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name: user, domain, password } } };
  const body = JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } });
  const response = await fetch(`${url}/auth/tokens`, { method: 'POST', headers, body });
  await response.arrayBuffer();
  return response.headers.get('x-subject-token') ?? '';
}

const headers = { 'content-type': 'application/json' };

async function call(
  url: string,
  method: string,
  path: string,
  { token, body }: { token: string; body?: unknown },
): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...headers, 'x-auth-token': token },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
  return answer === '' ? undefined : JSON.parse(answer);
}

function at(value: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((here, name) => Object(here)[name], value);
}

function text(value: unknown, ...names: readonly string[]): string {
  const found = at(value, names);
  if (typeof found !== 'string') throw new Error(`Keystone's answer has no ${names.join('.')}`);
  return found;
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = at(value, [name]);
  return Array.isArray(found) ? found : [];
}
