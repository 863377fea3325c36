import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readCredentials } from '../../config/credentials.ts';
import { ConfigError } from '../../config/errors.ts';
import { s3OptionsOf } from '../../config/storage/s3.ts';

describe('a file of credentials', () => {
  let root = '';
  let count = 0;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'credentials-'));
  });
  after(() => rm(root, { recursive: true }));

  async function file(text: string, mode = 0o600): Promise<string> {
    const path = join(root, `credentials${count++}`);
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  }

  async function refused(path: string, message: RegExp): Promise<void> {
    await assert.rejects(readCredentials(path), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${error.stack} ${error.cause}`, /hunter2/);
      return true;
    });
  }

  it('has NAME=value lines, with comments, quotes and `export`', async () => {
    const lines = [
      '# for the backups',
      'AWS_ACCESS_KEY_ID=AKIA/with+and==',
      "  export AWS_SECRET_ACCESS_KEY='a#b c$d\\n\"'",
      'ST_USER = account:user',
      'ST_KEY="it\'s"',
      'OS_PASSWORD=`"\'`',
      '',
      'OS_REGION_NAME=',
      'OS_PROJECT_NAME=two words \r',
    ];
    const found = {
      AWS_ACCESS_KEY_ID: 'AKIA/with+and==',
      AWS_SECRET_ACCESS_KEY: 'a#b c$d\\n"',
      ST_USER: 'account:user',
      ST_KEY: "it's",
      OS_PASSWORD: '"\'',
      OS_PROJECT_NAME: 'two words',
    };
    assert.deepEqual(await readCredentials(await file(lines.join('\n'))), found);
    assert.deepEqual(await readCredentials(await file('')), {});
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['# x\nhunter2\n', /credentials\d+, line 2: it must be NAME=value/],
    ['OS_PASSWORD=hunter2#x', /line 1: .*quote a value that contains #/],
    ['OS_PASSWORD="hunter2', /line 1: it must be/],
    ["OS_PASSWORD='hunter2\nmore'", /line 1: it must be/],
    ['OS_PASSWORD="hunter2\\n"', /line 1: it must be/],
    ["OS_PASSWORD='hunter2'x", /line 1: it must be/],
    ['OS_PASSWORD: hunter2', /line 1: it must be/],
    ['hunter2abc==', /line 1: names must begin with AWS_, ST_ or OS_$/],
    ['LD_PRELOAD=hunter2', /line 1: names must begin/],
    ['NODE_OPTIONS=hunter2', /line 1: names must begin/],
    ['AWS_ACCESS_KEY=hunter2', /AWS_ACCESS_KEY is not one of .*; did you mean AWS_ACCESS_KEY_ID\?/],
    [`OS_PASSWORD='${'hunter2'.repeat(10_000)}'`, /bytes, more than the maximum of 65536/],
  ];
  for (const [text, message] of wrong) {
    it(`is rejected, and not printed, for ${JSON.stringify(text.slice(0, 40).replaceAll('hunter2', '…'))}`, async () => {
      await refused(await file(text), message);
    });
  }

  it('is rejected if group or others may write it, or others read it', async () => {
    for (const mode of [0o660, 0o620, 0o602]) await refused(await file('ST_KEY=hunter2', mode), /run: chmod go-w /);
    for (const mode of [0o604, 0o644]) await refused(await file('ST_KEY=hunter2', mode), /run: chmod o-r \S+\d$/);
    for (const mode of [0o400, 0o440, 0o640]) await readCredentials(await file('ST_KEY=hunter2', mode));
  });

  it('is rejected if it is missing or not a file', async () => {
    await refused(
      join(root, 'none'),
      /Cannot read the credentials .*none: no such file or directory \(ENOENT\): check --credentials$/,
    );
    await mkdir(join(root, 'directory'));
    await refused(join(root, 'directory'), /not a regular file/);
  });

  it('logs in to S3 only with its own key, secret and token, unless a profile is given', () => {
    const key = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'hunter2' };
    const options = { bucket: 'b', accessKeyId: 'id', secretAccessKey: 'hunter2' };
    assert.deepEqual(s3OptionsOf('b', {}, key), options);
    assert.deepEqual(s3OptionsOf('b', {}, { ...key, AWS_SESSION_TOKEN: 't' }), { ...options, sessionToken: 't' });
    assert.deepEqual(s3OptionsOf('b', { profile: 'site' }, key), { bucket: 'b', profile: 'site' });
    assert.deepEqual(s3OptionsOf('b', {}, { AWS_DEFAULT_REGION: 'r', AWS_ENDPOINT_URL: 'https://e' }), {
      bucket: 'b',
      region: 'r',
      endpoint: 'https://e',
    });
    assert.equal(s3OptionsOf('b', { region: 'typed' }, { AWS_REGION: 'r' }).region, 'typed');
    for (const half of [
      { AWS_ACCESS_KEY_ID: 'id' },
      { AWS_SECRET_ACCESS_KEY: 'hunter2' },
      { AWS_SESSION_TOKEN: 't' },
    ]) {
      assert.throws(() => s3OptionsOf('b', {}, half), /must hold both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/);
    }
  });
});
