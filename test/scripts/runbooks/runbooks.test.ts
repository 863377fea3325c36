import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { Bastion } from './bastion.ts';
import { samples } from './samples.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

interface PlanRecord {
  readonly options: readonly string[];
  readonly steps: readonly { readonly id: string; readonly commands: readonly { program: string; args: string[] }[] }[];
}

describe('the runbooks', () => {
  let scratch: Scratch;
  before(async () => {
    scratch = await createScratch();
  });
  after(() => scratch[Symbol.asyncDispose]());

  let made = 0;
  async function bastion(): Promise<Bastion> {
    const path = await scratch.directory(`bastion${made++}`);
    return Bastion.create({ ...scratch, path, at: (...names) => join(path, ...names) });
  }

  it('are all tested here, and each has a page, and each page has one', async () => {
    const names = Object.keys(samples).sort();
    const files = async (directory: string, ending: string) =>
      (await readdir(join(root, directory)))
        .filter((name) => name.endsWith(ending) && name !== 'README.md')
        .map((name) => name.slice(0, -ending.length))
        .sort();
    assert.deepEqual(await files('scripts/runbooks', '.ts'), names);
    assert.deepEqual(await files('docs/runbooks', '.md'), names);
  });

  for (const [name, args] of Object.entries(samples)) {
    it(`${name} runs the steps of its plan and its page, in that order`, async () => {
      const on = await bastion();
      const inventory = ['--inventory', '/etc/inventory'];
      const dry = await on.run(name, ...args, ...inventory, '--dry-run', '--json');
      assert.equal(dry.code, 0, dry.stderr);
      const plan: PlanRecord = JSON.parse(dry.stdout);
      assert.deepEqual([await on.calls(), await readdir(on.fleet).catch(() => 'none')], [[], 'none']);

      const page = await readFile(join(root, 'docs/runbooks', `${name}.md`), 'utf8');
      const told = [...page.matchAll(/^\d+\. \*\*([\w-]+)\*\*/gm)].map(([, id]) => id);
      assert.deepEqual(told, [...new Set(plan.steps.map(({ id }) => id.replace(/ \d+$/, '')))]);
      for (const option of plan.options) assert.ok(page.includes(`--${option}`), `--${option} is not in the page`);
      for (const heading of ['When', 'Steps', 'By hand', 'How long'])
        assert.match(page, new RegExp(`^## ${heading}$`, 'm'));

      // The report of a drill comes from the hosts.
      await on.answer(
        1,
        name === 'drill' ? `mkdir -p '${on.fleet}/drill'; echo '${REPORT}' > '${on.fleet}/drill/h1.json'` : '',
      );
      const { code, stdout, stderr } = await on.run(name, ...args, ...inventory, '--yes');
      assert.equal(code, 0, stdout + stderr);
      const planned = plan.steps.flatMap(({ commands }) => commands.map(({ program, args }) => [program, ...args]));
      assert.deepEqual(await on.calls(), planned);
      for (const call of planned) assert.equal(call[call.indexOf('--inventory') + 1], '/etc/inventory');
      const left = await readdir(join(on.fleet, 'journal'));
      assert.equal(left.filter((file) => file.endsWith('.json')).length, 1, String(left));
    });
  }

  it('stop at a failed step, report the state, and continue there when resumed', async () => {
    const on = await bastion();
    const args = samples['host-lost'] ?? [];
    // The second restore.
    await on.answer(5, 'echo "fatal: restore failed"; exit 2');
    const first = await on.run('host-lost', ...args, '--yes');
    assert.equal(first.code, 1, first.stdout);
    assert.match(first.stdout, /^fatal: restore failed$/m);
    assert.match(first.stdout, /^Stopped at step 'restore 2': ansible-playbook ended with exit code 2$/m);
    assert.match(first.stdout, /^Note: no backups of h1 are made: its timer is disabled/m);
    assert.equal((await on.calls()).length, 5);

    const again = await on.run('host-lost', ...args, '--yes');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /stopped at step 'restore 2': --resume continues it, --anew starts again/);
    const other = await on.run('host-lost', '--host', 'h1', '--yes', '--resume');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /with other values of --metrics: use the same values/);
    assert.equal((await on.calls()).length, 5);

    const dry = await on.run('host-lost', ...args, '--dry-run', '--resume');
    assert.match(dry.stdout, /restore 1: .*\(done\)$/m);
    const resumed = await on.run('host-lost', ...args, '--yes', '--resume');
    assert.equal(resumed.code, 0, resumed.stdout);
    const calls = await on.calls();
    assert.deepEqual(calls[5], calls[4]);
    assert.equal(calls.filter(([, playbook]) => playbook?.endsWith('/deploy.yml')).length, 2);
    const nothing = await on.run('host-lost', ...args, '--yes', '--resume');
    assert.deepEqual([nothing.code, /Nothing to resume/.test(nothing.stderr)], [2, true]);

    const log = join(on.fleet, 'journal', 'host-lost.h1.log');
    const text = await readFile(log, 'utf8');
    assert.match(text, /^\d{4}-\S+Z \$ ansible-playbook ansible\/playbooks\/deploy\.yml --limit h1$/m);
    assert.match(text, /^fatal: restore failed$/m);
    assert.equal((await stat(log)).mode & 0o777, 0o600);
  });

  it('continue after a step that cannot be repaired, or start again', async () => {
    const on = await bastion();
    const args = ['--host', 'h1', '--yes'];
    const fails = `echo "h1 | FAILED | rc=3 >>"; exit 2`;
    await on.answer(1, fails);
    assert.match((await on.run('bucket-damaged', ...args)).stdout, /the command on h1 ended with exit code 3$/m);
    await on.answer(2, fails);
    assert.equal((await on.run('bucket-damaged', ...args, '--anew')).code, 1);
    const past = await on.run('bucket-damaged', ...args, '--resume', '--past');
    assert.equal(past.code, 0, past.stdout);
    assert.match(past.stdout, /^Skipped step 'verify'$/m);
    assert.equal((await on.calls()).length, 2 + 3);
  });

  it('do not fail because of the expected damage, but because of remaining damage', async () => {
    const on = await bastion();
    const damaged = 'echo "h1 | FAILED | rc=4 >>"; exit 2';
    for (const call of [1, 2, 4]) await on.answer(call, damaged);
    const { code, stdout } = await on.run('bucket-damaged', '--host', 'h1', '--yes');
    assert.equal(code, 1);
    assert.match(stdout, /^Stopped at step 'verify-again': the command on h1 ended with exit code 4$/m);
  });

  it('stop if metrics of the bucket are not on the host', async () => {
    const on = await bastion();
    const said = 'echo "h1 | CHANGED | rc=0 >>"; echo \'{"command":"verify","counts":{"gone":7}}\'; exit 0';
    await on.answer(5, said);
    const { code, stdout } = await on.run('subtree-deleted', ...(samples['subtree-deleted'] ?? []), '--yes');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^Stopped at step 'compare': 7 metrics of the bucket have no file on the host$/m);
  });

  it('stop carbon for the restore of a subtree on request, and start it again', async () => {
    const on = await bastion();
    const sample = samples['subtree-deleted'] ?? [];
    const steps = async (...options: string[]): Promise<string[]> => {
      const { code, stdout } = await on.run('subtree-deleted', ...sample, ...options, '--dry-run', '--json');
      assert.equal(code, 0, stdout);
      return JSON.parse(stdout).steps.map(({ id }: { id: string }) => id);
    };
    const usual = await steps();
    assert.deepEqual(usual, ['list', 'preview', 'restore', 'compare']);
    const stopping = await steps('--stop-carbon', '--carbon-unit', 'carbon-cache@a');
    assert.deepEqual(stopping, ['list', 'preview', 'stop-carbon', 'restore', 'start-carbon', 'compare']);
  });

  it('wait for a run that holds the lock on the host, such as an interrupted one', async () => {
    const on = await bastion();
    await on.answer(1, 'echo "h1 | FAILED | rc=11 >>"; exit 2');
    const { code, stdout } = await on.run('bucket-damaged', '--host', 'h1', '--yes');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^Another run holds the lock on the host: retrying$/m);
    const calls = await on.calls();
    assert.equal(calls.length, 4 + 1);
    assert.deepEqual(calls[1], calls[0]);
  });

  it('accept that there is nothing left to restore', async () => {
    const on = await bastion();
    await on.answer(6, 'echo "Nothing to restore: disk:/b has no backup"; exit 2');
    const { code, stdout } = await on.run('host-lost', ...(samples['host-lost'] ?? []), '--yes');
    assert.equal(code, 0, stdout);
  });

  it('do not ask without a terminal, and then do nothing', async () => {
    const on = await bastion();
    const { code, stderr } = await on.run('bucket-damaged', '--host', 'h1');
    assert.deepEqual([code, await on.calls()], [2, []]);
    assert.match(stderr, /Cannot ask for confirmation.*--yes/);
  });

  it('exclude each other for one host, but not for others', async () => {
    const on = await bastion();
    await mkdir(join(on.fleet, 'journal'), { recursive: true });
    const lock = await acquireRunLock(join(on.fleet, 'journal', 'bucket-damaged.h1.lock'), { timeout: 0 });
    try {
      const { code, stderr } = await on.run('bucket-damaged', '--host', 'h1', '--yes');
      assert.deepEqual([code, await on.calls()], [11, []]);
      assert.match(stderr, /Another run of bucket-damaged for h1 is in progress/);
      assert.equal((await on.run('bucket-damaged', '--host', 'h2', '--yes')).code, 0);
    } finally {
      await lock.release();
    }
  });

  it('reject values that Ansible would interpret differently', async () => {
    const on = await bastion();
    for (const [args, told] of [
      [['--host', '-e@file'], /--host/],
      [['--host=-x'], /must be the name of one host/],
      [['--host', 'h1,h2'], /must be the name of one host/],
      [['--host', 'h1', '--metrics', '{{ lookup("file", "/etc/passwd") }}'], /must not contain \{\{/],
      [['--host', 'h1', '--metrics', 'a.$HOME'], /must not contain/],
      [['--host', 'h1', '--date', 'yesterday'], /--date: Cannot parse the date "yesterday": it is not ISO-8601/],
      [[], /needs --host/],
      [['--host', 'h1', 'stray'], /Unexpected argument/],
    ] as const) {
      const { code, stderr } = await on.run('host-lost', ...args, '--yes');
      assert.deepEqual([code, told.test(stderr)], [2, true], stderr);
    }
    assert.deepEqual(await on.calls(), []);
  });

  it('report a drill that failed on a host, and still show the figures', async () => {
    const on = await bastion();
    const reports = join(on.fleet, 'drill');
    await mkdir(reports, { recursive: true });
    await writeFile(join(reports, 'old.json'), REPORT);
    const differs = REPORT.replace('"differing":0', '"differing":2');
    const write = (host: string) => `echo '${differs}' > '${reports}/${host}.json'`;
    await on.answer(1, `${write('h1')}; ${write('h2')}; exit 2`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { code, stdout } = await on.run('drill', '--limit', 'graphite', '--yes');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /: The drill failed on h1, h2:$/m);
    assert.match(stdout, /│ h1 +│ +10 │ +10 │ +2 │ +0 │ +0 │ +4 min │ +60\.0 s │ +2\.0 s │ +20\.0 s │/);
    assert.doesNotMatch(stdout, /│ old /);
    await on.answer(2, `${write('h1').replace('"differing":2', '"differing":0')}; rm '${reports}/h2.json'`);
    const next = await on.run('drill', '--limit', 'graphite', '--yes');
    assert.equal(next.code, 0, next.stdout);
  });
});

const REPORT = JSON.stringify({
  command: 'drill',
  counts: { metrics: 10, same: 10, differing: 0, damaged: 0, failed: 0 },
  drill: {
    sample: { number: 1, of: 10 },
    rpo: { maxSeconds: 240, medianSeconds: 60, metrics: 10, worst: 'a' },
    rto: { seconds: 2, metrics: 10, bytesFetched: 1000, bytesRestored: 5000 },
    estimate: { metrics: 100, bytes: 10000, secondsByMetrics: 20, secondsByBytes: 20 },
    differing: [],
  },
});
