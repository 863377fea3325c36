/** An object store over HTTP, and how each program is told where it is. */
export interface Remote {
  readonly id: 's3' | 'swift';
  /** E.g. `S3 (Ceph radosgw)`. */
  readonly title: string;
  readonly host: string;
  readonly port: number;
  /** The same store at another address, such as a proxy's. */
  at(port: number): RemoteAddress;
}

export interface RemoteAddress {
  /** Arguments of whisper-backup: the storage and its own. */
  readonly ours: readonly string[];
  /** Returns restic's repository in a bucket. */
  restic(bucket: string): string;
  /** Credentials and addresses for all programs; rclone's remote is `r:`. */
  readonly env: Readonly<Record<string, string>>;
}

/** Returns an S3 store by path style. */
export function s3Remote(endpoint: string, accessKeyId: string, secretAccessKey: string): Remote {
  const { hostname, port } = new URL(endpoint);
  return {
    id: 's3',
    title: 'S3 (Ceph radosgw)',
    host: hostname,
    port: Number(port),
    at(port) {
      const url = `http://${hostname}:${port}`;
      return {
        ours: ['s3', `endpoint=${url}`],
        restic: (bucket) => `s3:${url}/${bucket}`,
        env: {
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          RCLONE_CONFIG_R_TYPE: 's3',
          RCLONE_CONFIG_R_PROVIDER: 'Ceph',
          RCLONE_CONFIG_R_ENV_AUTH: 'true',
          RCLONE_CONFIG_R_ENDPOINT: url,
        },
      };
    },
  };
}

/** Returns a Swift store with auth v1. */
export function swiftRemote(authUrl: string, user: string, key: string): Remote {
  const { hostname, port, pathname } = new URL(authUrl);
  return {
    id: 'swift',
    title: 'OpenStack Swift',
    host: hostname,
    port: Number(port),
    at(port) {
      const auth = `http://${hostname}:${port}${pathname}`;
      return {
        ours: ['swift'],
        restic: (bucket) => `swift:${bucket}:/`,
        env: {
          ST_AUTH: auth,
          ST_USER: user,
          ST_KEY: key,
          RCLONE_CONFIG_R_TYPE: 'swift',
          RCLONE_CONFIG_R_AUTH: auth,
          RCLONE_CONFIG_R_USER: user,
          RCLONE_CONFIG_R_KEY: key,
          RCLONE_CONFIG_R_AUTH_VERSION: '1',
        },
      };
    },
  };
}
