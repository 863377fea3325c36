import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { redact, redactArgument } from '../../config/redact.ts';

describe('the printed configuration', () => {
  it('omits the values of arguments with secret names', () => {
    for (const name of [
      'secret',
      'secret_key',
      'access-key',
      'OS_PASSWORD',
      'passwd',
      'token',
      'credential',
      'ST_KEY',
    ]) {
      assert.equal(redactArgument(`${name}=hunter2=x`), `${name}=[redacted]`);
    }
  });

  it('omits passwords in URLs', () => {
    assert.equal(
      redactArgument('endpoint=https://user:hunter2@example.org:9000/x'),
      'endpoint=https://user:[redacted]@example.org:9000/x',
    );
    assert.equal(redactArgument('https://user:hunter2@example.org'), 'https://user:[redacted]@example.org');
  });

  it('shows the path of the credentials file, but no credentials given in its place', () => {
    assert.equal(redact('credentials', '/etc/whisper-backup/credentials'), '/etc/whisper-backup/credentials');
    assert.equal(redact('credentials', 'AWS_SECRET_ACCESS_KEY=hunter2'), '[redacted]');
    assert.equal(redact('credentials', ['hunter2']), '[redacted]');
    assert.equal(redact('credentials', undefined), undefined, 'what is not set looks so');
  });

  it('shows everything else unchanged', () => {
    for (const plain of ['us-west-2', 'region=us-west-2', 'path=/srv/backups', 'endpoint=http://127.0.0.1:9000']) {
      assert.equal(redactArgument(plain), plain);
    }
    assert.deepEqual(redact('storageArgs', ['us-west-2', 'token=x']), ['us-west-2', 'token=[redacted]']);
    assert.equal(redact('retention', 5), 5);
  });
});
