import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseYAML } from 'confbox/yaml';
import { readCredentials } from '../../config/credentials.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ansible = join(root, 'ansible');
const role = join(ansible, 'roles/whisper_backup');

/** What a program says to both, and how it ends. */
function run(program: string, args: readonly string[], cwd = ansible): Promise<{ code: number; said: string }> {
  const env = { ...process.env, ANSIBLE_NOCOLOR: '1', ANSIBLE_CONFIG: join(ansible, 'ansible.cfg'), LC_ALL: 'C.UTF-8' };
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env }, (error, stdout, stderr) => {
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
        said: `${stdout}${stderr}`,
      });
    });
  });
}

async function passes(program: string, args: readonly string[], cwd?: string): Promise<void> {
  const { code, said } = await run(program, args, cwd);
  assert.equal(code, 0, said);
}

/** The tasks and blocks that are done on the bastion. */
function delegated(node: unknown): Record<string, unknown>[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = 'delegate_to' in node && node.delegate_to === 'localhost' ? [{ ...node }] : [];
  return [...own, ...Object.values(node).flatMap(delegated)];
}

const playbooks = (await readdir(join(ansible, 'playbooks'))).map((name) => join('playbooks', name));

describe('the Ansible content', () => {
  it('is clean for yamllint', () => passes('yamllint', ['--strict', '.']));

  it('is clean for ansible-lint, at its strictest', () =>
    passes('ansible-lint', ['--offline', '--nocolor', '-q', '-p', '--strict', ...playbooks, 'roles']));

  it('has no error of syntax in a playbook', async () => {
    const { code, said } = await run('ansible-playbook', [
      ...['--inventory', 'inventory.example', '--syntax-check', ...playbooks],
    ]);
    assert.equal(code, 0, said);
    for (const playbook of playbooks) assert.match(said, new RegExp(`^playbook: ${playbook}$`, 'm'));
  });

  it('needs no collection but ansible.builtin', async () => {
    const names = (await readdir(ansible, { recursive: true })).filter((name) =>
      /^(roles|playbooks)\/.*\.yml$/.test(name),
    );
    const texts = await Promise.all(names.map((name) => readFile(join(ansible, name), 'utf8')));
    const modules = texts.flatMap((text) =>
      [...text.matchAll(/^\s+(\w+\.\w+)\.\w+:/gm)].map(([, collection]) => collection),
    );
    assert.deepEqual([...new Set(modules)], ['ansible.builtin']);
  });

  it('has an example inventory that names the release that `make dist` makes of this checkout', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const names = (await readdir(join(ansible, 'inventory.example'), { recursive: true })).filter((name) =>
      name.endsWith('.yml'),
    );
    const texts = await Promise.all(names.map((name) => readFile(join(ansible, 'inventory.example', name), 'utf8')));
    const releases = texts.flatMap((text) =>
      [...text.matchAll(/whisper-backup-(\S+)-linux-/g)].map(([, name]) => name),
    );
    assert.deepEqual([...new Set(releases)], [version]);
  });

  it('becomes nobody else on the bastion, whatever the inventory says of hosts', async () => {
    const names = (await readdir(ansible, { recursive: true })).filter((name) =>
      /^(roles\/\w+\/tasks|playbooks)\/.*\.yml$/.test(name),
    );
    let count = 0;
    for (const name of names)
      for (const task of delegated(parseYAML(await readFile(join(ansible, name), 'utf8')))) {
        count++;
        assert.equal(Object(task['vars'])['ansible_become'], false, `${name}: ${task['name']}`);
      }
    assert.ok(count >= 5, String(count));
  });

  it('checks the arguments of the role, with the defaults that it has', async () => {
    const defaults = parseYAML<Record<string, unknown>>(await readFile(join(role, 'defaults/main.yml'), 'utf8'));
    const specs = parseYAML<{
      argument_specs: { main: { options: Record<string, { default?: unknown; required?: boolean }> } };
    }>(await readFile(join(role, 'meta/argument_specs.yml'), 'utf8'));
    const { options } = specs.argument_specs.main;
    assert.deepEqual(Object.keys(options).sort(), Object.keys(defaults).sort());
    for (const [name, option] of Object.entries(options)) {
      if (option.required !== true) assert.deepEqual(option.default, defaults[name], name);
    }
  });
});

describe('a host that prunes the buckets of others', () => {
  it('has a configuration for each host that must not delete, and without a tree no other units', async () => {
    await using scratch = await createScratch();
    const never = {
      whisper_backup_site_config: { storage: 's3', deletes: 'never', nolog: false, carbon: '127.0.0.1:2003' },
    };
    const hosts = {
      h1: { whisper_backup_host_config: { bucket: 'b.{{ inventory_hostname }}', retention: 7 }, ...never },
      h2: { whisper_backup_host_config: { bucket: 'b.h2', deletes: 'allowed' }, ...never },
    };
    const pruner = {
      ansible_connection: 'local',
      whisper_backup_prune_credentials: { AWS_ACCESS_KEY_ID: 'x' },
      whisper_backup_prune_enabled: true,
      whisper_backup_prune_carbon: 'graphite.example.org:2003',
      whisper_backup_user: '',
    };
    const children = { graphite: { hosts }, whisper_backup_pruners: { hosts: { pruner } } };
    await writeFile(scratch.at('hosts.yml'), JSON.stringify({ all: { children } }));
    const names = ['units', 'timers', 'run_user', 'prune_configs'];
    const told = `{{ {${names.map((name) => `'${name}': whisper_backup_${name}`).join(', ')}} | to_json }}`;
    const args = ['pruner', '--inventory', scratch.at('hosts.yml'), '--extra-vars', `@${role}/vars/main.yml`];
    await passes('ansible', [...args, '-m', 'copy', '-a', JSON.stringify({ content: told, dest: scratch.at('told') })]);
    assert.deepEqual(JSON.parse(await readFile(scratch.at('told'), 'utf8')), {
      units: ['whisper-backup-prune.service', 'whisper-backup-prune.timer'],
      timers: { 'whisper-backup-prune.timer': true },
      run_user: 'root',
      prune_configs: {
        h1: {
          ...{ storage: 's3', bucket: 'b.h1', retention: 7, deletes: 'allowed', nolog: true, noCache: true },
          stateDir: '/var/lib/whisper-backup-prune/h1',
          carbon: 'graphite.example.org:2003',
          credentials: '/etc/whisper-backup/prune/credentials',
        },
      },
    });
  });
});

const services = ['', '-journal', '-manual', '-restore', '-verify', '-drill', '-prune'].map(
  (name) => `whisper-backup${name}.service`,
);
const timers = ['', '-journal', '-verify', '-drill', '-prune'].map((name) => `whisper-backup${name}.timer`);

describe('the units', () => {
  let scratch: Scratch;
  const secret = "it's #1";
  const sites = {
    plain: {},
    full: {
      whisper_backup_credentials: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: secret, ST_KEY: 'a"b\\c`' },
      whisper_backup_site_config: {
        storage: 'disk',
        storageArgs: ['path=/srv/backups'],
        locktimeout: 7,
        prefix: '/home/graphite/whisper',
      },
      whisper_backup_memory_max: '2G',
      whisper_backup_timeout: '20h',
      whisper_backup_on_failure: ['mail@%n.service'],
      whisper_backup_read_write_paths: ['/srv/log'],
    },
  };

  before(async () => {
    scratch = await createScratch();
    for (const [site, variables] of Object.entries(sites)) {
      const out = await scratch.directory(site);
      const extra = JSON.stringify({ ...variables, out });
      await passes(
        'ansible-playbook',
        ['--inventory', 'localhost,', 'test/fleet/render.yml', '--extra-vars', extra],
        root,
      );
    }
  });
  after(() => scratch?.[Symbol.asyncDispose]());

  for (const site of Object.keys(sites)) {
    it(`are understood by systemd, every key of them (${site})`, async () => {
      const names = [...services, ...timers];
      const { said } = await run('systemd-analyze', ['verify', '--man=no', ...names], scratch.at(site));
      assert.deepEqual(
        said.split('\n').filter((line) => line.includes('whisper-backup')),
        [],
      );
    });

    for (const unit of services) {
      it(`expose no more than 2.0: ${unit} (${site})`, () =>
        passes('systemd-analyze', ['security', '--offline=true', '--threshold=20', scratch.at(site, unit)]));
    }
  }

  it('let the backup write to a disk store and to no metric, the restore to the tree', async () => {
    const writable = async (unit: string): Promise<string[]> => {
      const text = await readFile(scratch.at('full', unit), 'utf8');
      return [...text.matchAll(/^ReadWritePaths=-?(.*)$/gm)].map(([, path]) => path ?? '');
    };
    for (const unit of ['whisper-backup.service', 'whisper-backup-journal.service'])
      assert.deepEqual(await writable(unit), ['/run/lock', '/srv/backups', '/srv/log']);
    for (const check of ['verify', 'drill'])
      assert.deepEqual(await writable(`whisper-backup-${check}.service`), ['/srv/log']);
    const restoring = await writable('whisper-backup-restore.service');
    assert.deepEqual(restoring, ['/home/graphite/whisper', '/run/lock', '/srv/backups', '/srv/log']);
  });

  it('take arguments of one run only where an operator starts them, and forget them behind it', async () => {
    const lines = async (unit: string) => (await readFile(scratch.at('plain', unit), 'utf8')).split('\n');
    const scheduled = await lines('whisper-backup.service');
    assert.deepEqual(
      scheduled.filter((line) => line.includes('/run/whisper-backup') || line.includes('BACKUP_ARGS')),
      [],
    );
    for (const name of ['manual', 'restore']) {
      const unit = await lines(`whisper-backup-${name}.service`);
      // Without the file, which is gone behind a run, the unit does nothing.
      assert.ok(unit.includes(`EnvironmentFile=/run/whisper-backup-${name}.env`), name);
      assert.ok(unit.includes(`ExecStopPost=+rm -f /run/whisper-backup-${name}.env`), name);
    }
  });

  it('let a journal and a backup wait for each other, and start no journal before the first backup', async () => {
    const lines = async (site: string, name: string) =>
      (await readFile(scratch.at(site, `whisper-backup${name}.service`), 'utf8')).split('\n');
    const journal = await lines('plain', '-journal');
    assert.ok(journal.some((line) => /^After=.* whisper-backup\.service$/.test(line)));
    assert.ok(journal.includes('ConditionPathExists=/var/lib/whisper-backup/buckets.json'));
    assert.ok(journal.includes('SuccessExitStatus=11'));
    const waits = 'Environment=WHISPER_BACKUP_LOCKTIMEOUT=3600';
    assert.ok((await lines('plain', '')).includes(waits));
    // The site's own value counts, and an operator does not wait for an hour.
    for (const [site, name] of [
      ['full', ''],
      ['plain', '-manual'],
      ['plain', '-journal'],
    ] as const)
      assert.ok(!(await lines(site, name)).includes(waits), `${site} ${name}`);
  });

  it('give what prunes other buckets no credentials of the host, and no way to write but to its own state', async () => {
    const text = await readFile(scratch.at('full', 'whisper-backup-prune.service'), 'utf8');
    assert.doesNotMatch(text, /etc\/whisper-backup\/credentials|LoadCredential|^User=/m);
    assert.deepEqual(text.match(/^(StateDirectory|ReadWritePaths)=.*$/gm), [
      'StateDirectory=whisper-backup-prune',
      'ReadWritePaths=-/srv/log',
    ]);
  });

  it('prune the next bucket after one that failed, and fail at the end', async () => {
    const text = await readFile(scratch.at('plain', 'whisper-backup-prune.service'), 'utf8');
    const [, script = ''] = /^ExecStart=\/bin\/sh -c '(.*)' \S+$/m.exec(text) ?? [];
    const directory = await scratch.directory('prune');
    for (const name of ['a.yaml', 'b.yaml', 'credentials']) await writeFile(`${directory}/${name}`, '');
    const program = scratch.at('program');
    await writeFile(program, '#!/bin/sh\necho "$@"\ncase $1 in *a.yaml) exit 10; esac\n', { mode: 0o755 });
    const here = script.replaceAll('$$', '$').replaceAll('/etc/whisper-backup/prune', directory);
    const { code, said } = await run('sh', ['-c', here, program]);
    const calls = ['a', 'b'].map((name) => `--config=${directory}/${name}.yaml prune\n`);
    assert.deepEqual([code, said], [10, calls.join('')]);
  });

  it('have every line of the hardening to itself', async () => {
    for (const unit of services) {
      const text = await readFile(scratch.at('plain', unit), 'utf8');
      assert.match(text, /hides the processors\.\n/, unit);
    }
  });

  it('leave V8 and the count of processors alone', async () => {
    for (const unit of services) {
      const text = await readFile(scratch.at('plain', unit), 'utf8');
      assert.doesNotMatch(text, /^(MemoryDenyWriteExecute|ProcSubset)=/m);
    }
  });

  it('hand over credentials that the program reads as they were', async () => {
    const found = await readCredentials(scratch.at('full', 'credentials'));
    assert.deepEqual(found, sites.full.whisper_backup_credentials);
  });
});
