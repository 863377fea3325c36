import { userInfo } from 'node:os';

/** Where the parts of one Swift listen, on 127.0.0.1. */
export interface SwiftPorts {
  readonly memcached: number;
  readonly account: number;
  readonly container: number;
  readonly object: number;
  readonly proxy: number;
}

export interface SwiftSettings {
  /** Keystone's URL, with `/v3`; without one, tokens are TempAuth's. */
  readonly keystone?: string;
  /** Lifetime of a TempAuth token in seconds. @default 86400 */
  readonly tokenLife?: number;
  /** Whether it has bulk delete. @default true */
  readonly bulk?: boolean;
}

/** The configuration of one node with one device and no copies, by file name. */
export function swiftConfiguration(
  directory: string,
  ports: SwiftPorts,
  settings: SwiftSettings,
): Record<string, string> {
  return {
    'swift.conf': `[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = Policy-0
default = yes
`,
    'account-server.conf': storageServer('account', directory, ports.account),
    'container-server.conf': storageServer('container', directory, ports.container),
    // Long enough that a listing knows each object when its PUT returns, on a busy machine too.
    'object-server.conf': `${storageServer('object', directory, ports.object)}container_update_timeout = 30
`,
    'proxy-server.conf': proxyServer(directory, ports, settings),
  };
}

function storageServer(kind: string, directory: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${directory}/etc
devices = ${directory}/node
recon_cache_path = ${directory}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_level = WARNING
node_timeout = 30
conn_timeout = 5
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`;
}

function proxyServer(directory: string, ports: SwiftPorts, settings: SwiftSettings): string {
  const { keystone, tokenLife = 86_400, bulk = true } = settings;
  const auth = keystone === undefined ? 's3api tempauth' : 'authtoken s3api s3token keystoneauth';
  const start = `catch_errors gatekeeper healthcheck cache listing_formats ${bulk ? 'bulk ' : ''}${auth}`;
  const service = `auth_url = ${keystone}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = swift
password = swift-password
`;
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${ports.proxy}
workers = 0
user = ${userInfo().username}
swift_dir = ${directory}/etc
log_level = WARNING
[pipeline:main]
pipeline = ${start} copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 30
conn_timeout = 5
error_suppression_interval = 1
error_suppression_limit = 100000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${ports.memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = no
dns_compliant_bucket_names = yes
[filter:tempauth]
use = egg:swift#tempauth
token_life = ${tokenLife}
user_test_tester = testing .admin
user_test_reader = reading
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = ${keystone}
${service}delay_auth_decision = true
cache = swift.cache
include_service_catalog = false
interface = public
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
[filter:s3token]
use = egg:swift#s3token
auth_uri = ${keystone}
reseller_prefix = AUTH_
http_timeout = 30
${service}secret_cache_duration = 60
`;
}
