import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { UsageError } from '../../../config/errors.ts';
import { readArguments } from '../../../config/storage/arguments.ts';
import { type S3Arguments, s3Arguments, s3OptionsOf } from '../../../config/storage/s3.ts';

const read = (...given: string[]) => s3OptionsOf('backups', readArguments('s3', given, s3Arguments));

describe('the storage s3', () => {
  it('accepts its region like the Python tool, and has no other defaults', () => {
    assert.deepEqual(read(), { bucket: 'backups' });
    assert.deepEqual(read('us-west-2'), { bucket: 'backups', region: 'us-west-2' });
  });

  it('accepts every argument by name', () => {
    const given = [
      'region=eu-central-1',
      'endpoint=https://s3.example.org:8080',
      'path-style=false',
      'ca-bundle=certificates/ca.pem',
      'profile=site',
      'sse=aws:kms',
      'kms-key-id=arn:aws:kms:eu-central-1:123456789012:key/1',
      'storage-class=STANDARD_IA',
      'tags=host=web01,role=,purpose=a=b',
      'checksums=always',
      'lock-mode=compliance',
      'lock-days=36500',
    ];
    assert.deepEqual(read(...given), {
      bucket: 'backups',
      region: 'eu-central-1',
      endpoint: 'https://s3.example.org:8080',
      pathStyle: false,
      caBundle: resolve('certificates/ca.pem'),
      profile: 'site',
      sse: 'aws:kms',
      kmsKeyId: 'arn:aws:kms:eu-central-1:123456789012:key/1',
      storageClass: 'STANDARD_IA',
      tags: { host: 'web01', role: '', purpose: 'a=b' },
      checksums: 'always',
      lock: { mode: 'compliance', days: 36_500 },
    });
    assert.equal(read('path-style=true').pathStyle, true);
  });

  it('takes key, region, CA bundle and proxies from the environment, if they are not given', () => {
    const key = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'hunter2', AWS_SESSION_TOKEN: 't' };
    const environment = { ...key, AWS_REGION: 'r', SSL_CERT_FILE: '/ssl.pem', NO_PROXY: 'a', HTTPS_PROXY: 'p:1' };
    assert.deepEqual(s3OptionsOf('b', {}, {}, environment), {
      bucket: 'b',
      accessKeyId: 'id',
      secretAccessKey: 'hunter2',
      sessionToken: 't',
      region: 'r',
      caBundle: '/ssl.pem',
      proxies: { http: undefined, https: 'p:1', bypass: 'a' },
    });
    // All of a key comes from one place, and a profile takes precedence over it.
    const file = { AWS_ACCESS_KEY_ID: 'file', AWS_SECRET_ACCESS_KEY: 'hunter3' };
    assert.deepEqual(s3OptionsOf('b', {}, file, key), {
      bucket: 'b',
      accessKeyId: 'file',
      secretAccessKey: 'hunter3',
    });
    assert.deepEqual(s3OptionsOf('b', {}, {}, { ...key, AWS_PROFILE: 'site' }), { bucket: 'b' });
    assert.deepEqual(s3OptionsOf('b', { profile: 'site' }, {}, key), { bucket: 'b', profile: 'site' });
    assert.deepEqual(s3OptionsOf('b', {}, {}, { AWS_ACCESS_KEY_ID: 'id' }), { bucket: 'b' });

    const bundles = { AWS_CA_BUNDLE: '/aws.pem', SSL_CERT_FILE: '/ssl.pem' };
    assert.equal(s3OptionsOf('b', {}, {}, bundles).caBundle, '/aws.pem');
    assert.equal(s3OptionsOf('b', { 'ca-bundle': '/given.pem' }, {}, bundles).caBundle, '/given.pem');
    assert.equal(s3OptionsOf('b', { region: 'typed' }, {}, environment).region, 'typed');
  });

  it('finds the endpoint like the SDK: in an argument, the credentials, the environment', () => {
    const url = (name: string) => `https://${name}.example.org`;
    const environment = { AWS_ENDPOINT_URL: url('all'), AWS_ENDPOINT_URL_S3: url('s3') };
    const endpointOf = (given: S3Arguments, ...more: Record<string, string>[]) =>
      s3OptionsOf('backups', given, ...more).endpoint;
    assert.equal(endpointOf({}, {}, environment), url('s3'));
    assert.equal(endpointOf({}, {}, { AWS_ENDPOINT_URL: url('all') }), url('all'));
    assert.equal(endpointOf({}, { AWS_ENDPOINT_URL: url('file') }, environment), url('file'));
    assert.equal(endpointOf({ endpoint: url('typed') }, { AWS_ENDPOINT_URL: url('file') }, environment), url('typed'));
    assert.equal(endpointOf({}, {}, { ...environment, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }), undefined);
  });

  const wrong: readonly [S3Arguments, RegExp][] = [
    [{ 'path-style': 'yes' }, /'path-style' of storage 's3' must be one of true, false: got "yes"/],
    [{ sse: 'aes256' }, /'sse' of storage 's3' must be one of AES256, aws:kms: got "aes256"$/],
    [{ checksums: 'alway' }, /must be one of auto, always, never: got "alway"$/],
    [{ 'lock-days': '30' }, /needs both arguments lock-mode=governance\|compliance and lock-days=N, or neither$/],
    [{ 'lock-mode': 'governance' }, /needs both arguments lock-mode/],
    [{ 'lock-mode': 'legal', 'lock-days': '30' }, /must be one of governance, compliance: got "legal"$/],
    ...['0', '36501', '1.5', '-1', '1e3', '030', '30d'].map((days): [S3Arguments, RegExp] => [
      { 'lock-mode': 'governance', 'lock-days': days },
      /'lock-days' of storage 's3' must be a whole number from 1 to 36500: got "/,
    ]),
    [{ tags: 'web01' }, /must be name=value,name=value with each name once: got "web01"/],
    [{ tags: 'a=1,' }, /got "a=1,"/],
    [{ tags: '=1' }, /got "=1"/],
    [{ tags: 'a=1,a=2' }, /got "a=1,a=2"/],
  ];
  for (const [given, message] of wrong) {
    it(`rejects ${JSON.stringify(given)}`, () =>
      assert.throws(
        () => s3OptionsOf('backups', given),
        (error) => error instanceof UsageError && message.test(error.message),
      ));
  }

  it('has no argument for a secret, and does not print one', () => {
    for (const argument of ['secret-access-key=hunter2', 'access-key-id=hunter2']) {
      assert.throws(
        () => read(argument),
        (error) => error instanceof UsageError && !error.message.includes('hunter2'),
      );
    }
  });
});
