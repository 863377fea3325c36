import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, it } from 'node:test';
import { commitTime } from '../../../scripts/release/commit-time.ts';
import { createScratch } from '../../fixtures/scratch.ts';

const asked = process.env['SOURCE_DATE_EPOCH'];
afterEach(() => {
  if (asked === undefined) delete process.env['SOURCE_DATE_EPOCH'];
  else process.env['SOURCE_DATE_EPOCH'] = asked;
});

it('a release has the date of the last commit', async () => {
  await using scratch = await createScratch();
  delete process.env['SOURCE_DATE_EPOCH'];
  const env = { ...process.env, GIT_COMMITTER_DATE: '@1600000000 +0900', GIT_CONFIG_GLOBAL: '/dev/null' };
  const who = ['-c', 'user.name=Somebody', '-c', 'user.email=somebody@example.org'];
  execFileSync('git', ['init', '--quiet'], { cwd: scratch.path, env });
  execFileSync('git', [...who, 'commit', '--quiet', '--allow-empty', '-m', 'First'], { cwd: scratch.path, env });
  assert.equal(await commitTime(scratch.path), 1_600_000_000);
});

it('SOURCE_DATE_EPOCH overrides it', async () => {
  process.env['SOURCE_DATE_EPOCH'] = '1234567890';
  assert.equal(await commitTime('/'), 1_234_567_890);
});

it('without either there is no release, with the remedy', async () => {
  await using scratch = await createScratch();
  delete process.env['SOURCE_DATE_EPOCH'];
  await assert.rejects(commitTime(scratch.path), /set SOURCE_DATE_EPOCH/);
});

it('an invalid date is rejected', async () => {
  process.env['SOURCE_DATE_EPOCH'] = 'yesterday';
  await assert.rejects(commitTime('/'), /a Unix time in seconds: got "yesterday"/);
});
