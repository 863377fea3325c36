import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSION } from '../scripts/release/made.ts';
import { assertAll, changes, newLines, outcome } from './assertions.ts';
import { interruptedAtEachStep } from './interrupted.ts';
import { brokenRelease } from './releases.ts';
import { HOSTS, Site } from './site.ts';
import { feedCarbon, type KnownPoints, PREFIX, plantTree, pointsOf, writeLate, writeNow } from './whisper-tree.ts';

/*
 * The life of a fleet, in the order in which it happens: each test goes on from where the one before left the hosts.
 */

const METRICS = 40;

/** Half a day off, so that no timer fires by itself meanwhile. */
const calendar = (minute: number): string => `*-*-* ${(new Date().getUTCHours() + 12) % 24}:${minute}:00`;

describe('a fleet', { timeout: 3_600_000 }, () => {
  let site: Site;
  /** What the dead host had, as it was last backed up. */
  let lost: KnownPoints;
  /** Releases that are rolled out later are made while the first is under way. */
  let later: Promise<readonly string[]>;

  before(async () => {
    site = await Site.start({
      whisper_backup_on_calendar: calendar(10),
      whisper_backup_journal_enabled: true,
      whisper_backup_journal_on_calendar: calendar(50),
      whisper_backup_verify_on_calendar: calendar(20),
      whisper_backup_verify_parts: 2,
      whisper_backup_drill_on_calendar: calendar(30),
      whisper_backup_randomized_delay: 2,
      whisper_backup_serial: [1, '100%'],
    });
    // The second host must not delete; the first one, which may be any host, prunes its bucket.
    await site.inventory.setHost('h2', { whisper_backup_host_config: PUT_ONLY });
    await site.inventory.setPruner('h1', {
      whisper_backup_prune_enabled: true,
      whisper_backup_prune_on_calendar: calendar(15),
      whisper_backup_prune_credentials: site.inventory.get('whisper_backup_credentials'),
    });
    await Promise.all(HOSTS.map((host, i) => plantTree(site, host, { metrics: METRICS, seed: i + 1 })));
    // The second host's carbon does not lock.
    for (const host of ['h1', 'h3']) await site.on(host, LOCKING);
    await site.on('h2', FORMER_PRUNER);
    later = site.versions(['1.1.0', '1.2.0']);
    // Its failure is told where they are used.
    later.catch(() => {});
  });
  after(() => site?.[Symbol.asyncDispose]());

  it('is not changed by a dry run of the first roll', async () => {
    const earlier = await files('h1');
    const played = await site.play('deploy', ['--check', '--diff', '--limit', 'h1']);
    assertAll(played, { failed: 0, unreachable: 0 });
    assert.ok(outcome(played, 'h1').changed > 0);
    assert.deepEqual(newLines(await files('h1'), earlier), []);
  });

  it('is rolled out, and warned of a carbon that does not lock', async () => {
    const played = await site.play('deploy', ['--diff', '-vvv']);
    assertAll(played, { failed: 0, unreachable: 0 });
    for (const host of HOSTS) {
      assert.equal(await site.on(host, 'whisper-backup --version'), `whisper-backup ${VERSION}\n`);
      assert.equal(await timerState(host), 'active enabled');
      assert.equal(await site.on(host, 'systemctl --failed --quiet'), '');
    }
    assert.match(played.stdout, /`WHISPER_LOCK_WRITES = True` in \/etc\/carbon\/carbon.conf on h2/);
    assert.doesNotMatch(played.stdout, /carbon.conf on h[13]/);
  });

  it('gets what was changed by a second roll on the host it is for: a timer is restarted for its calendar alone', async () => {
    const earlier = await timersStarted();
    await site.inventory.setHost('h2', { whisper_backup_on_calendar: calendar(40) });
    await site.inventory.setHost('h3', {
      whisper_backup_host_config: { bucket: 'graphite.h3', retention: 7 },
      whisper_backup_journal_enabled: false,
    });
    const played = await site.play('deploy', AT_ONCE);
    assertAll(played, { failed: 0 });
    assert.deepEqual(changes(played), { h1: false, h2: true, h3: true });
    const restarted = (await timersStarted()).map((time, i) => time !== earlier[i]);
    assert.deepEqual(restarted, [false, true, false]);
    assert.equal(await timerState('h1', '-journal'), 'active enabled');
    assert.equal(await timerState('h3', '-journal'), 'inactive disabled');
    assert.match(await site.on('h2', 'systemctl show whisper-backup.timer -p TimersCalendar'), /:40:00/);
    assert.match(await site.on('h1', 'systemctl show whisper-backup.timer -p TimersCalendar'), /:10:00/);
    assert.match(await site.on('h3', 'whisper-backup config'), /retention\W+7/);
    assert.match(await site.on('h2', 'whisper-backup config'), /retention\W+1\b/);
  });

  it('loses what pruned other buckets if it is no longer in the group for that', async () => {
    assert.equal(await site.on('h2', 'systemctl list-unit-files --no-legend "whisper-backup-prune*" || :'), '');
    assert.equal(await site.on('h2', 'ls -d /etc/whisper-backup/prune || :'), '');
  });

  describe('at the same time', { concurrency: true }, () => {
    it('refuses a configuration that the tool refuses, before anything is changed', async () => {
      const earlier = await files('h1');
      const vars = { whisper_backup_group_config: { retention: 0 } };
      const played = await site.play('deploy', ['--limit', 'h1', '-e', JSON.stringify(vars)]);
      assert.notEqual(played.code, 0);
      assert.match(played.stdout, /retention.*must be a whole number of at least 1/);
      assert.deepEqual(newLines(await files('h1'), earlier), []);
    });

    it('keeps nothing of a release that is not whole', async () => {
      const tarball = await brokenRelease(site.scratch);
      const played = await site.play('deploy', ['--limit', 'h3', '-e', `whisper_backup_release=${tarball}`]);
      assert.equal(outcome(played, 'h3').failed, 1);
      assert.match(played.stdout, /TASK \[whisper_backup : Check every file of it\][\s\S]*fatal: \[h3\]/);
      assert.match(played.stdout, /Cannot install 9\.9\.9 on h3: Check every file of it: .*did NOT match/);
      assert.equal(await site.on('h3', 'ls /opt/whisper-backup /opt/whisper-backup/releases'), KEPT);
    });
  });

  it('reports every problem of every host at once, and changes none', async () => {
    const earlier = await Promise.all(HOSTS.map(files));
    const host = (name: string, vars: Record<string, unknown>) => site.inventory.setHost(name, vars);
    await host('h1', { whisper_backup_user: 'nobodyhere', whisper_backup_timeout: 'zzz' });
    await host('h2', { whisper_backup_on_calendar: 'zzz', whisper_backup_group_config: { prefix: '/srv/none' } });
    await host('h3', { whisper_backup_interval: 'soon' });
    const played = await site.play('deploy');
    await host('h1', { whisper_backup_user: '', whisper_backup_timeout: 'infinity' });
    await host('h2', { whisper_backup_on_calendar: calendar(40), whisper_backup_group_config: {} });
    await host('h3', { whisper_backup_interval: 86_400 });
    assert.notEqual(played.code, 0);
    const table = played.stdout.slice(played.stdout.indexOf('TASK [Report all problems'));
    assert.match(table, /"h1 {2}The user nobodyhere does not exist on h1/);
    assert.match(table, /"h1 {2}systemd does not understand the timespan/);
    assert.match(table, /"h2 {2}.*Failed to parse calendar/);
    assert.match(table, /"h2 {2}The Whisper tree \/srv\/none is not a directory on h2/);
    assert.match(table, /"h3 {2}.*whisper_backup_interval/);
    assert.doesNotMatch(played.stdout, /PLAY \[Roll out\]/);
    for (const [i, name] of HOSTS.entries()) assert.deepEqual(newLines(await files(name), earlier[i]), []);
  });

  it('backs up when its timers fire, as they are, and the bastion lists what they stored', async () => {
    await Promise.all(
      HOSTS.map(async (host) => {
        await missTimer(host);
        await backedUp(host);
        const listed = await site.tool(host, 'list');
        assert.equal(listed.stdout.trim().split('\n').length, METRICS, listed.stderr);
      }),
    );
  });

  it('is well, and says so in a table', async () => {
    const { code, hosts, table } = await status();
    assert.equal(code, 0, table);
    assert.match(table, /3 hosts, all healthy/);
    for (const host of HOSTS) {
      const { state, source, metrics, stored, program, lockWrites } = hosts[host] ?? {};
      assert.deepEqual({ state, source, metrics, stored, program }, { ...WELL, metrics: METRICS, stored: METRICS });
      assert.equal(lockWrites, host !== 'h2');
    }
  });

  it('stores new points, checks its backups and rehearses a restore by timers of their own', async () => {
    await writeNow(site, 'h1', { metrics: METRICS, seed: 1 });
    await site.on('h1', MISS_CHECKS);
    assert.equal((await checked('journal')).exitCode, 0);
    assert.match(await site.on('h1', words('journal')), new RegExp(`: metrics ${METRICS},.* journaled ${METRICS}`));
    for (const check of ['verify', 'drill'] as const) {
      const last = await checked(check);
      assert.deepEqual([last.exitCode, last.finished !== null], [0, true], JSON.stringify(last));
      assert.match(last.part ?? '', check === 'verify' ? /^[12]\/2$/ : /^\d+\/50$/);
    }
    // Its part of so few metrics may be empty.
    assert.match(await site.on('h1', `${words('drill')} --lines=30`), /measured RTO: .* for [1-9]\d* metrics/);
    assert.match(await site.on('h1', `${words('verify')} --lines=30`), /\bread [1-9]/);
    assert.equal(await site.on('h1', 'find /var/tmp -name whisper | wc -l'), '0\n');
    const nice = 'systemctl show -P Nice whisper-backup-verify.service whisper-backup-drill.service';
    assert.deepEqual((await site.on('h1', nice)).match(/\d+/g), ['19', '19']);
  });

  it('checks nothing and stores no points while a backup runs', async () => {
    const waiting = ['journal', 'verify'];
    const units = waiting.map((name) => `whisper-backup-${name}.service`).join(' ');
    await site.on('h1', `systemctl start --no-block whisper-backup.service; systemctl start ${units}`);
    const time = async (name: string, unit: string) =>
      Number(await site.on('h1', `systemctl show -P ${name} whisper-backup${unit}.service`));
    const ended = await time('ExecMainExitTimestampMonotonic', '');
    for (const name of waiting) {
      const began = await time('ExecMainStartTimestampMonotonic', `-${name}`);
      assert.ok(ended > 0 && began >= ended, `${name}: ${began} ${ended}`);
    }
  });

  it('stays well when a check failed, and says that it did', async () => {
    await site.on('h1', `chmod 0 ${PREFIX}; ! systemctl start whisper-backup-drill.service; chmod 755 ${PREFIX}`);
    assert.match(await site.on('h1', 'systemctl --failed --plain --no-legend'), /^whisper-backup-drill\.service/);
    const { code, table } = await status();
    assert.equal(code, 0, table);
    assert.match(table, /^h1: the last drill that failed: .*exit code [1-9]/m);
    await site.on('h1', 'systemctl start whisper-backup-drill.service');
    assert.doesNotMatch((await status()).table, /drill/);
    assert.equal(await site.on('h1', 'systemctl --failed --quiet'), '');
  });

  it('is red when a backup failed, until one has not', async () => {
    const credentials = site.inventory.get('whisper_backup_credentials');
    const wrong = { ...credentials, AWS_SECRET_ACCESS_KEY: `not-${site.store.s3.secretAccessKey}` };
    await site.inventory.setHost('h2', { whisper_backup_credentials: wrong });
    const stopped = await site.play('deploy', ['--limit', 'h2', '--tags', 'config']);
    assert.equal(outcome(stopped, 'h2').failed, 1);
    assert.match(stopped.stdout, /doctor reports on h2: /);
    const failed = await site.play('run', ['--limit', 'h2']);
    assert.notEqual(failed.code, 0);
    assert.equal(outcome(failed, 'h2').failed, 1);
    const red = await status();
    assert.equal(red.code, 1);
    assert.match(red.table, /^h2: .*12/m);
    assert.match(red.table, /3 hosts, 1 red/);
    await site.inventory.setHost('h2', { whisper_backup_credentials: credentials });
    assertAll(await site.play('deploy', ['--limit', 'h2', '--tags', 'config']), { failed: 0 });
    const mended = await site.bastion(['make', 'backup', 'HOST=h2', `INVENTORY=${site.inventory.path}`]);
    assert.equal(mended.code, 0, mended.stdout + mended.stderr);
    assert.equal((await status()).code, 0);
  });

  it('backs up everything by its timer, whatever an interrupted operator left', async () => {
    const left = 'for unit in "" -manual; do echo BACKUP_ARGS=--metrics=none > /run/whisper-backup$unit.env; done';
    const output = await site.on('h1', `${left}; systemctl start whisper-backup.service; ${LAST_WORDS}`);
    assert.match(output, new RegExp(`: metrics ${METRICS},`));
    const some = await site.bastion([
      'make',
      'backup',
      'HOST=h1',
      'METRICS=servers.web01.*',
      'DRY_RUN=1',
      `INVENTORY=${site.inventory.path}`,
    ]);
    assert.equal(some.code, 0, some.stdout + some.stderr);
    assert.match(some.stdout, /dry run, nothing was written.*: metrics 6,/);
    assert.equal(await site.on('h1', 'ls /run/whisper-backup*.env'), '/run/whisper-backup.env\n');
    await site.on('h1', 'rm /run/whisper-backup.env');
  });

  it('prunes by a timer on one host the bucket of a host that must not delete, and keeps what a hold keeps', async () => {
    const make = async (...args: string[]) => {
      const made = await site.bastion(['make', ...args, 'HOST=h2', `INVENTORY=${site.inventory.path}`]);
      assert.equal(made.code, 0, made.stdout + made.stderr);
      return made.stdout;
    };
    const stored = async () => (await site.tool('h2', 'list')).stdout.trim().split('\n').length;
    const date = new Date().toISOString();
    await writeNow(site, 'h2', { metrics: METRICS, seed: 2 });
    await site.on('h2', 'systemctl start whisper-backup.service');
    assert.equal(await stored(), 2 * METRICS);
    await make('hold', "ARGS=add incident-7 --reason 'bad data'", 'METRICS=servers.web01.*', `DATE=${date}`);
    assert.match((await site.tool('h2', 'hold', 'list')).stdout, /"incident-7".*"bad data"/);

    await site.on('h1', MISS_PRUNE);
    await pruned();
    assert.equal(await stored(), METRICS + 6);
    const { code, hosts, table } = await status();
    assert.equal(code, 0, table);
    assert.match(table, /│ h1 .* - +│\n│ h2 .* \d+ s +│\n│ h3 .* - +│/);
    assert.deepEqual(Object(hosts['h2']?.['prune'])['retired'], METRICS - 6, table);

    await make('hold', 'ARGS=release incident-7', 'YES=1');
    assert.match(await make('prune', 'YES=1'), /retired 6\b/);
    assert.equal(await stored(), METRICS);
  });

  it('tells its secrets to nobody', async () => {
    const secret = site.store.s3.secretAccessKey;
    assert.ok(site.said.length > 100_000);
    assert.ok(!site.said.includes(secret), 'the output of a command on the bastion');
    assert.equal((await site.bastion(['grep', '-rlF', secret, site.fleetDir])).stdout, '');
    for (const host of HOSTS) {
      assert.equal(await site.on(host, `journalctl --no-pager | grep -c ${secret} || true`), '0\n');
      // The unit's own copy goes with its run.
      const found = await site.on(host, `grep -rlIF ${secret} /etc /opt /root /run /tmp /var || true`);
      const files = ['credentials', ...(host === 'h1' ? ['prune/credentials'] : [])];
      const paths = files.map((file) => `/etc/whisper-backup/${file}`);
      assert.deepEqual(found.trim().split('\n').sort(), paths);
      const owners = await site.on(host, `stat -c "%U:%G %a" ${paths.join(' ')}`);
      assert.equal(owners, 'root:root 600\n'.repeat(paths.length));
    }
    // While a run is under way.
    const seen = await site.on('h1', PROCESSES_OF_A_RUN);
    assert.match(seen, /whisper-backup\.mjs/);
    assert.ok(!seen.includes(secret), 'arguments and environments of processes');
  });

  it('is upgraded and rolled back while its timers go on, and keeps three releases', async () => {
    // An old release, whatever its number.
    const old = '/opt/whisper-backup/releases/9.0.0';
    await site.on('h1', `mkdir ${old}; touch -d '9 days ago' ${old}`);
    // The third host has nothing that the second one has not.
    const two = ['--limit', 'h1,h2'];
    for (const [i, tarball] of (await later).entries()) {
      // One host is enough to see an old release go.
      const where = i === 0 ? [...two, ...AT_ONCE] : ['--limit', 'h1', '--tags', 'install'];
      const played = await site.play('deploy', [...where, '-e', `whisper_backup_release=${tarball}`]);
      assertAll(played, { failed: 0 });
    }
    assert.equal(await site.on('h1', 'whisper-backup --version'), 'whisper-backup 1.2.0\n');
    assert.equal(await site.on('h1', 'ls /opt/whisper-backup/releases'), `${VERSION}\n1.1.0\n1.2.0\n`);
    assert.equal(await site.on('h2', 'ls /opt/whisper-backup/releases'), `${VERSION}\n1.1.0\n`);
    assertAll(await site.play('rollback', two), { failed: 0 });
    assert.equal(await site.on('h1', 'whisper-backup --version'), 'whisper-backup 1.1.0\n');
    assert.equal(await site.on('h2', 'whisper-backup --version'), `whisper-backup ${VERSION}\n`);
    for (const host of ['h1', 'h2']) assert.equal(await timerState(host), 'active enabled');
    await missTimer('h1');
    await backedUp('h1');
  });

  it('backs up after a reboot what it missed meanwhile', async () => {
    const boot = 'cat /proc/sys/kernel/random/boot_id /proc/1/stat';
    const earlier = await site.on('h1', boot);
    await site.on('h1', `rm /var/lib/whisper-backup/success; touch -d '2 days ago' ${STAMP}`);
    await site.hosts.reboot('h1');
    assert.notEqual(await site.on('h1', boot), earlier);
    assert.equal(await timerState('h1'), 'active enabled');
    await backedUp('h1');
  });

  it('rehearses the loss of a host, and reports what that would cost', async () => {
    await site.on('h1', 'systemctl start whisper-backup.service');
    const args = ['--limit', 'h1', '--sample', '1/1', '--inventory', site.inventory.path, '--fleet-dir', site.fleetDir];
    const { code, interruptions, stdout, stderr } = await interruptedAtEachStep(site, 'drill', [...args, '--yes']);
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(interruptions, ['drill']);
    assert.match(stdout, /whole host/);
    const report = JSON.parse(await readFile(`${site.fleetDir}/drill/h1.json`, 'utf8'));
    assert.deepEqual(
      [report.counts.metrics, report.counts.same, report.counts.failed],
      [METRICS, METRICS, 0],
      JSON.stringify(report),
    );
    assert.ok(report.drill.rpo.maxSeconds >= 0 && report.drill.rto.seconds > 0, JSON.stringify(report.drill));
    // That of the interrupted one goes with its end.
    await site.on(
      'h1',
      'for i in $(seq 600); do ls /var/tmp | grep -q whisper-backup-drill || exit 0; sleep 0.1; done; exit 1',
    );
  });

  it('rehearses with all metrics where a sample would have none, and shows the table', async () => {
    const inventory = `INVENTORY=${site.inventory.path}`;
    const made = await site.bastion(['make', 'drill', 'HOST=h1', 'METRICS=servers.web03.cpu3', inventory]);
    assert.equal(made.code, 0, made.stdout + made.stderr);
    assert.match(made.stdout, /│ h1 +│ +1 │ +1 │ +0 │ +0 │ +0 │/);
  });

  it('is rolled out around a host that is dead, which is told within 20 s', async () => {
    await site.on('h3', 'systemctl start whisper-backup.service');
    lost = await writeNow(site, 'h3', { metrics: METRICS, seed: 5 });
    await site.on('h3', 'systemctl start whisper-backup-journal.service');
    await site.hosts.kill('h3');
    let asked = Number.NaN;
    let told = Number.NaN;
    const onOutput = (text: string) => {
      if (Number.isNaN(asked) && text.includes('TASK [')) asked = Date.now();
      if (Number.isNaN(told) && text.includes('UNREACHABLE')) told = Date.now();
    };
    const args = ['--tags', 'units', '-e', 'whisper_backup_cpu_weight=20', ...AT_ONCE];
    const played = await site.play('deploy', args, { onOutput });
    assert.equal(outcome(played, 'h3').unreachable, 1);
    assert.ok(told - asked < 20_000, `told after ${told - asked} ms`);
    assert.deepEqual(changes(played), { h1: true, h2: true, h3: false });
    for (const host of ['h1', 'h2'])
      assert.equal(await site.on(host, 'systemctl show -P CPUWeight whisper-backup.service'), '20\n');
  });

  it('has a status of a dead host, by its bucket', async () => {
    const { code, hosts, table } = await status();
    assert.equal(code, 1, table);
    assert.match(table, /^h3: does not respond; according to its bucket/m);
    const { state, source, metrics } = hosts['h3'] ?? {};
    assert.deepEqual({ state, source, metrics }, { state: 'ok', source: 'bucket', metrics: METRICS });
  });

  describe('and its runbooks, interrupted at each step and resumed,', () => {
    const place = () => ['--inventory', site.inventory.path, '--fleet-dir', site.fleetDir, '--yes'];
    /** Runs one to its end, through an interruption at each of these steps. */
    const isDone = async (steps: readonly string[], name: string, ...args: readonly string[]): Promise<void> => {
      const { code, interruptions, stdout, stderr } = await interruptedAtEachStep(site, name, [...args, ...place()]);
      assert.equal(code, 0, stdout + stderr);
      // A step may end before the interruption reaches it.
      const met = steps.filter((step) => interruptions.includes(step));
      assert.deepEqual(interruptions, met, stdout + stderr);
      assert.ok(met.length >= steps.length / 2, stdout + stderr);
    };
    const points = async (host: string, metrics: string): Promise<KnownPoints> =>
      Object.fromEntries(Object.entries(await pointsOf(site, host)).filter(([path]) => path.includes(metrics)));

    it('refuse a group where one host is meant, and do nothing', async () => {
      const earlier = await pointsOf(site, 'h1');
      for (const group of ['graphite', 'all']) {
        const window = ['--from', '2026-11-22T14:00:00Z', '--until', '2026-11-22T15:00:00Z'];
        const args = ['--host', group, '--metrics', 'servers.*', ...window, ...place()];
        const { code, stdout, stderr } = await site.script('runbooks/bad-data', args);
        assert.equal(code, 2, stdout);
        assert.match(stderr, /it is a group or pattern that matches h1, h2/);
      }
      assert.deepEqual(await pointsOf(site, 'h1'), earlier);
      assert.equal(await timerState('h1'), 'active enabled');
    });

    // On the hosts h3, h1 and h2.
    describe('at the same time', { concurrency: true }, () => {
      it('bring a lost host back on a new machine while carbon writes there, with every point', async () => {
        await site.hosts.create('h3');
        await site.on('h3', LOCKING);
        // Some files were begun anew before, and carbon gets points while all are restored.
        const anew = await writeLate(site, 'h3', { metrics: 10, seed: 9 });
        const start = Math.floor(Date.now() / 60_000) * 60;
        const stopFeeding = feedCarbon(site, 'h3', { metrics: METRICS, seed: 7 });
        const steps = ['deploy', 'hold-timer', 'start-carbon', 'restore', 'backfill', 'adopt', 'backup', 'status'];
        await isDone(steps, 'host-lost', '--host', 'h3', '--carbon-first');
        await stopFeeding();
        assert.equal(await site.on('h3', 'systemctl is-active carbon-cache.service'), 'active\n');

        const found = await pointsOf(site, 'h3');
        const isFed = (value: number) => Math.floor(value / 1000) === 7;
        for (const [path, points] of Object.entries(lost)) {
          const now = new Map(found[path]);
          const written = new Map(anew[path]);
          for (const [time, value] of points) {
            const point = now.get(time);
            if (point !== undefined && isFed(point) && time >= start) continue;
            assert.equal(point, written.get(time) ?? value, `${path} at ${time}`);
          }
          assert.ok(
            [...now].some(([time, value]) => isFed(value) && time >= start),
            `${path}: no point from carbon`,
          );
        }

        assert.equal(await site.on('h3', 'find /var/lib/graphite/whisper ! -user _graphite'), '');
        assert.equal(await timerState('h3'), 'active enabled');
      });

      describe('where two hosts are left', { concurrency: 1 }, () => {
        describe('each', { concurrency: true }, () => {
          describe('one after the other', { concurrency: 1 }, () => {
            it('bring a deleted subtree back', async () => {
              await site.on('h1', 'systemctl start whisper-backup.service');
              await writeNow(site, 'h1', { metrics: METRICS, seed: 3 });
              await site.on('h1', 'systemctl start whisper-backup-journal.service');
              const earlier = await points('h1', 'web03');
              assert.ok(Object.keys(earlier).length > 3);
              await site.on('h1', `rm -r ${PREFIX}/servers/web03`);
              const steps = ['list', 'preview', 'restore', 'compare'];
              await isDone(steps, 'subtree-deleted', '--host', 'h1', '--metrics', 'servers.web03.*');
              assert.deepEqual(await points('h1', 'web03'), earlier);
            });

            it('look through a bucket for damage', async () => {
              const steps = ['verify', 'repair', 'backup', 'verify-again'];
              await isDone(steps, 'bucket-damaged', '--host', 'h1', '--metrics', 'servers.web0*');
            });
          });

          it('go back to before bad data was written', async () => {
            await site.on('h2', 'systemctl start whisper-backup.service');
            await writeNow(site, 'h2', { metrics: METRICS, seed: 4 });
            await site.on('h2', 'systemctl start whisper-backup-journal.service');
            const good = await points('h2', 'servers');
            await sleep(1100);
            const date = new Date().toISOString();
            await writeLate(site, 'h2', { metrics: METRICS, seed: 66 });
            assert.notDeepEqual(await points('h2', 'servers'), good);
            const steps = [
              'hold-timer',
              'preview',
              'stop-carbon',
              'restore',
              'start-carbon',
              'release-timer',
              'backup',
            ];
            const [from, until] = [-3, 1].map((hours) => new Date(Date.parse(date) + hours * 3_600_000).toISOString());
            const window = ['--from', from ?? '', '--until', until ?? ''];
            await isDone(steps, 'bad-data', '--host', 'h2', '--metrics', 'servers.*', '--date', date, ...window);
            assert.deepEqual(await points('h2', 'servers'), good);
            for (const timer of ['', '-journal']) assert.equal(await timerState('h2', timer), 'active enabled');
            assert.equal(await site.on('h2', 'systemctl is-active carbon-cache.service'), 'active\n');
            assert.equal(await site.on('h2', 'ls /run/whisper-backup*.env 2>/dev/null || :'), '');
          });
        });

        it('move metrics to another host', async () => {
          await site.on('h2', `rm -r ${PREFIX}/servers/web04`);
          const steps = ['backup-source', 'preview', 'restore', 'compare'];
          const again = ['backup-source-again', 'restore-rest', 'backup-target'];
          const metrics = ['--metrics', 'servers.web04.*', '--bucket', 'graphite.h1'];
          await isDone([...steps, ...again], 'move-metrics', '--from', 'h1', '--to', 'h2', ...metrics);
          assert.deepEqual(await points('h2', 'web04'), await points('h1', 'web04'));
        });
      });
    });

    it('leave hosts that are well', async () => {
      const { code, table } = await status();
      assert.equal(code, 0, table);
    });
  });

  it('asks an operator at a terminal for the password of sudo', async () => {
    await site.on('h1', OPERATOR);
    await site.inventory.setHost('h1', { ansible_user: 'dana' });
    const make = `make doctor HOST=h1 INVENTORY=${site.inventory.path} ANSIBLE_ARGS=-K`;
    const prompted = new AbortController();
    let shown = '';
    const { code, stdout } = await site.bastion(['script', '-qec', make, '/dev/null'], {
      input: `${PASSWORD}\n`,
      inputUntil: prompted.signal,
      onOutput: (text) => {
        shown += text;
        if (shown.includes('BECOME password')) prompted.abort();
      },
    });
    await site.inventory.setHost('h1', { ansible_user: 'root' });
    assert.equal(code, 0, stdout);
    assert.ok(prompted.signal.aborted, stdout);
    assert.match(stdout, /h1 \| CHANGED \| rc=0/);
    assert.ok(!stdout.includes(PASSWORD), stdout);
  });

  it('prunes from a machine that has no Whisper tree any more', async () => {
    await site.inventory.removeHost('h1');
    await site.on('h1', `rm -r ${PREFIX}`);
    assertAll(await site.play('deploy', ['--limit', 'h1', '--tags', 'config,units']), { failed: 0 });
    assert.equal(await timerState('h1', '-prune'), 'active enabled');
    await site.on('h1', 'systemctl start whisper-backup-prune.service');
    const { prune } = JSON.parse(
      await site.on('h1', 'whisper-backup --config=/etc/whisper-backup/prune/h2.yaml status --json || :'),
    );
    assert.equal(prune.exitCode, 0, JSON.stringify(prune));
    await site.inventory.setHost('h1', {});
  });

  it('is removed from a host without a trace of a unit, and that host has no status', async () => {
    await site.on('h1', '! systemctl start whisper-backup-restore.service');
    assert.match(await site.on('h1', 'systemctl --failed --plain --no-legend'), /whisper-backup-restore/);
    assertAll(await site.play('remove', ['--limit', 'h1']), { failed: 0 });
    assert.equal(await site.on('h1', 'systemctl --failed --quiet'), '');
    assert.equal(await site.on('h1', 'systemctl list-unit-files --no-legend "whisper-backup*" || :'), '');
    const { code, table } = await status();
    assert.equal(code, 1, table);
    assert.match(table, /│ h1 +│ no status /);
    assert.match(table, /^h1: .*No such file/m);
  });

  /** Every file of a host that was made since its image was. Ansible has a directory of its own. */
  const files = (host: string): Promise<string> =>
    site.on(
      host,
      `find / -xdev '(' -path /root/.ansible -o -path /var/log -o -path /var/tmp ')' -prune -o \\
         -newer /etc/machine-id -not -type d -printf '%p %s %T@ %m %u\\n'`,
    );

  const timerState = async (host: string, kind = ''): Promise<string> => {
    const said = await site.on(
      host,
      `for ask in is-active is-enabled; do systemctl $ask whisper-backup${kind}.timer || :; done`,
    );
    return said.trim().replace('\n', ' ');
  };

  const timersStarted = (): Promise<readonly string[]> =>
    Promise.all(
      HOSTS.map((host) => site.on(host, 'systemctl show -P ActiveEnterTimestampMonotonic whisper-backup.timer')),
    );

  /** Lets the timer believe that it last fired two days ago, as after an outage. */
  const missTimer = (host: string): Promise<string> =>
    site.on(
      host,
      `systemctl stop whisper-backup.timer
       rm -f /var/lib/whisper-backup/success
       touch -d '2 days ago' ${STAMP}
       systemctl start whisper-backup.timer`,
    );

  /** Waits for the success of the run that the timer started. */
  const backedUp = async (host: string): Promise<void> => {
    const ask = 'systemctl is-failed -q whisper-backup.service && echo failed || ls /var/lib/whisper-backup';
    for (const until = Date.now() + 120_000; Date.now() < until; await sleep(250)) {
      const state = await site.on(host, ask);
      if (/^success$/m.test(state)) return;
      if (state === 'failed\n') break;
    }
    const why = 'systemctl status --no-pager whisper-backup.timer whisper-backup.service || :';
    throw new Error(`${host} has not backed up: ${await site.on(host, why)}`);
  };

  /** Waits until a check or journal of the first host has ended. */
  const checked = async (check: 'journal' | 'verify' | 'drill') => {
    for (const until = Date.now() + 120_000; Date.now() < until; await sleep(250)) {
      const { last } = JSON.parse(await site.on('h1', 'whisper-backup status --json || :'))[check] ?? {};
      if (typeof last?.finished === 'string') return last;
    }
    throw new Error(`h1 has no ${check}: ${await site.on('h1', words(check))}`);
  };

  /** Waits until the first host has pruned, by its timer. */
  const pruned = async (): Promise<void> => {
    const ask =
      'systemctl show -P ExecMainExitTimestampMonotonic -P Result -P ActiveState whisper-backup-prune.service';
    for (const until = Date.now() + 120_000; Date.now() < until; await sleep(250)) {
      const said = await site.on('h1', ask);
      if (/^[1-9]\d*$/m.test(said) && /^success$/m.test(said) && /^inactive$/m.test(said)) return;
      if (/^failed$/m.test(said)) break;
    }
    throw new Error(`h1 has not pruned: ${await site.on('h1', words('prune'))}`);
  };

  /** The fleet at a glance, as `make status` makes it. */
  const status = async () => {
    await mkdir(site.fleetDir, { recursive: true });
    const gathered = await site.play('status', ['-e', `fleet_dir=${site.fleetDir}`]);
    assert.equal(gathered.hosts['h1']?.failed, 0, gathered.stdout + gathered.stderr);
    const show = (...args: string[]) => site.script('fleet-status', [`${site.fleetDir}/status`, ...args]);
    const [shown, { stdout }] = await Promise.all([show(), show('--json')]);
    const rows: { name: string }[] = JSON.parse(stdout);
    const hosts: Record<string, Record<string, unknown>> = Object.fromEntries(rows.map((row) => [row.name, row]));
    return { code: shown.code, table: shown.stdout + shown.stderr, hosts };
  };
});

/** Rolls to all hosts in one batch; the first roll shows that they come one after the other. */
const AT_ONCE = ['-e', '{"whisper_backup_serial": ["100%"]}'];

/** What is below /opt/whisper-backup with one release. */
const KEPT = `/opt/whisper-backup:\ncurrent\nreleases\n\n/opt/whisper-backup/releases:\n${VERSION}\n`;

const LAST_WORDS = 'journalctl --no-pager --output=cat --unit=whisper-backup.service --lines=5';

const words = (check: string): string => `journalctl --no-pager --output=cat --unit=whisper-backup-${check}.service`;

/** Lets these timers believe that they fired long ago. */
const MISS_CHECKS = `for check in journal verify drill; do
  systemctl is-enabled -q whisper-backup-$check.timer
  systemctl stop whisper-backup-$check.timer
  touch -d '9 days ago' /var/lib/systemd/timers/stamp-whisper-backup-$check.timer
  systemctl start whisper-backup-$check.timer
done`;

const MISS_PRUNE = `
  systemctl stop whisper-backup-prune.timer
  touch -d '9 days ago' /var/lib/systemd/timers/stamp-whisper-backup-prune.timer
  systemctl start whisper-backup-prune.timer`;

/** The configuration of the host that must not delete. */
const PUT_ONLY = { bucket: 'graphite.h2', deletes: 'never', retention: 1 };

/** What a host has that was in the group of those that prune. */
const FORMER_PRUNER = `
  mkdir -p /etc/whisper-backup/prune && echo AWS_ACCESS_KEY_ID=x >/etc/whisper-backup/prune/credentials
  printf '[Service]\nType=oneshot\nExecStart=/bin/true\n' >/etc/systemd/system/whisper-backup-prune.service
  printf '[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n' >/etc/systemd/system/whisper-backup-prune.timer
  systemctl daemon-reload && systemctl enable --now whisper-backup-prune.timer`;

const PASSWORD = 'open sesame';

/** An operator who may do everything with a password. */
const OPERATOR = `
  useradd --create-home --groups sudo dana
  echo 'dana:${PASSWORD}' | chpasswd
  install -d -o dana -m 700 /home/dana/.ssh
  install -o dana -m 600 /root/.ssh/authorized_keys /home/dana/.ssh/authorized_keys`;

const STAMP = '/var/lib/systemd/timers/stamp-whisper-backup.timer';

const WELL = { state: 'ok', source: 'host', program: VERSION };

const LOCKING = `sed -i '/^\\[cache\\]/a WHISPER_LOCK_WRITES = True' /etc/carbon/carbon.conf`;

/** Arguments and environments of all processes, a few times while a run is under way. */
const PROCESSES_OF_A_RUN = `
  systemctl start --no-block whisper-backup.service
  for i in $(seq 50); do
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' ' || :
    sleep 0.1
    systemctl is-active -q whisper-backup.service || [ $i -lt 10 ] || break
  done
  while [ "$(systemctl show -P ActiveState whisper-backup.service)" = activating ]; do sleep 0.1; done`;
