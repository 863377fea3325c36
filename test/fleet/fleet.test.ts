import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOSTS, type Played, Site } from './site.ts';

/*
 * The life of a fleet, in the order in which it happens: each test goes on from where the one before left the hosts.
 */

const METRICS = '40';

/** Half a day off, so that no timer fires by itself meanwhile. */
const calendar = (minute: number): string => `*-*-* ${(new Date().getUTCHours() + 12) % 24}:${minute}:00`;

describe('a fleet', { timeout: 900_000 }, () => {
  let site: Site;

  before(async () => {
    site = await Site.start('1.0.0', { whisper_backup_on_calendar: calendar(10), whisper_backup_randomized_delay: 2 });
    for (const [i, host] of HOSTS.entries()) await site.tree(host, ['plant', METRICS, String(i + 1)]);
  });
  after(() => site?.[Symbol.asyncDispose]());

  it('is not changed by a dry run of the first roll', async () => {
    const earlier = await Promise.all(HOSTS.map(files));
    const played = await site.play('deploy', ['--check', '--diff']);
    for (const host of HOSTS) assert.ok(outcome(played, host).changed > 0, played.stdout);
    assertAll(played, { failed: 0, unreachable: 0 });
    for (const [i, host] of HOSTS.entries()) assert.deepEqual(newLines(await files(host), earlier[i]), []);
  });

  it('is rolled out', async () => {
    const played = await site.play('deploy', ['--diff', '-vvv']);
    assertAll(played, { failed: 0, unreachable: 0 });
    for (const host of HOSTS) {
      assert.equal(await site.on(host, 'whisper-backup --version'), 'whisper-backup 1.0.0\n');
      assert.equal(await timerState(host), 'active enabled');
      assert.equal(await site.on(host, 'systemctl --failed --quiet'), '');
    }
  });

  it('is not changed by a second roll, and a dry run says so too', async () => {
    assertAll(await site.play('deploy'), { changed: 0, failed: 0 });
    assertAll(await site.play('deploy', ['--check']), { changed: 0, failed: 0 });
  });

  it('gets a changed calendar on the host it is for, and only there is the timer restarted', async () => {
    const earlier = await Promise.all(HOSTS.map(timerStarted));
    await site.inventory.setHost('h2', { whisper_backup_on_calendar: calendar(40) });
    const played = await site.play('deploy');
    assert.deepEqual(changes(played), { h1: false, h2: true, h3: false });
    const restarted = (await Promise.all(HOSTS.map(timerStarted))).map((time, i) => time !== earlier[i]);
    assert.deepEqual(restarted, [false, true, false]);
    assert.match(await site.on('h2', 'systemctl show whisper-backup.timer -p TimersCalendar'), /:40:00/);
    assert.match(await site.on('h1', 'systemctl show whisper-backup.timer -p TimersCalendar'), /:10:00/);
  });

  it('gets a changed value of the configuration on the host it is for, and no timer is restarted', async () => {
    const earlier = await Promise.all(HOSTS.map(timerStarted));
    await site.inventory.setHost('h3', { whisper_backup_host_config: { bucket: 'graphite.h3', retention: 7 } });
    assert.deepEqual(changes(await site.play('deploy')), { h1: false, h2: false, h3: true });
    assert.deepEqual(await Promise.all(HOSTS.map(timerStarted)), earlier);
    assert.match(await site.on('h3', 'whisper-backup config'), /retention\W+7/);
  });

  describe('refuses, before anything is changed,', () => {
    const bad = {
      'a value of the wrong type': [{ whisper_backup_randomized_delay: 'soon' }, /argument_errors|Validation of arg/],
      'a calendar that systemd does not know': [{ whisper_backup_on_calendar: 'zzz' }, /Failed to parse calendar/],
      'a configuration that the tool refuses': [
        { whisper_backup_group_config: { retention: 0 } },
        /retention.*must be a whole number of at least 1/,
      ],
      'a key that the tool does not know': [{ whisper_backup_group_config: { retentoin: 3 } }, /retentoin/],
      'a prefix that is not there': [
        { whisper_backup_group_config: { prefix: '/srv/none' } },
        /tree \/srv\/none is not a directory on h1/,
      ],
    } as const;
    for (const [what, [vars, message]] of Object.entries(bad)) {
      it(what, async () => {
        const earlier = await files('h1');
        const played = await site.play('deploy', ['-e', JSON.stringify(vars)]);
        assert.notEqual(played.code, 0);
        assert.match(played.stdout, message);
        assert.equal(played.hosts['h2']?.changed ?? 0, 0);
        assert.deepEqual(newLines(await files('h1'), earlier), []);
      });
    }
  });

  it('backs up when its timers fire, as they are, and the bastion lists what they stored', async () => {
    for (const host of HOSTS) await missTimer(host);
    for (const host of HOSTS) {
      await backedUp(host);
      const listed = await site.bastion(
        [process.execPath, 'scripts/whisper-backup', '--json', 'list', ...bucket(host)],
        {
          env: secrets(),
        },
      );
      assert.equal(listed.stdout.trim().split('\n').length, Number(METRICS), listed.stderr);
    }
  });

  it('tells its secrets to nobody', async () => {
    const secret = site.store.s3.secretAccessKey;
    assert.ok(!site.said.includes(secret), 'the output of ansible-playbook');
    for (const host of HOSTS) {
      assert.equal(await site.on(host, `journalctl --no-pager | grep -c ${secret} || true`), '0\n');
      // The unit's own copy goes with its run.
      const found = await site.on(host, `grep -rlF ${secret} /etc /opt/whisper-backup/current/ /run /tmp /var || true`);
      assert.equal(found, '/etc/whisper-backup/credentials\n');
      assert.equal(await site.on(host, 'stat -c "%U:%G %a" /etc/whisper-backup/credentials'), 'root:root 600\n');
    }
  });

  it('is upgraded and rolled back while its timers go on, and keeps three releases', async () => {
    const earlier = await Promise.all(HOSTS.map(timerStarted));
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) {
      const vars = ['-e', `whisper_backup_release=${await site.version(version)}`];
      // One host is enough to see old releases go.
      const played = await site.play('deploy', version === '1.1.0' ? vars : [...vars, '--limit', 'h1']);
      assertAll(played, { failed: 0 });
      assert.equal(await site.on('h1', 'whisper-backup --version'), `whisper-backup ${version}\n`);
    }
    assert.equal(await site.on('h1', 'ls /opt/whisper-backup/releases'), '1.1.0\n1.2.0\n1.3.0\n');
    assert.equal(await site.on('h2', 'ls /opt/whisper-backup/releases'), '1.0.0\n1.1.0\n');
    const played = await site.play('rollback');
    assertAll(played, { failed: 0 });
    assert.equal(await site.on('h1', 'whisper-backup --version'), 'whisper-backup 1.2.0\n');
    assert.equal(await site.on('h2', 'whisper-backup --version'), 'whisper-backup 1.0.0\n');
    assert.deepEqual(await Promise.all(HOSTS.map(timerStarted)), earlier);
    await missTimer('h1');
    await backedUp('h1');
  });

  it('backs up after a reboot what it missed meanwhile', async () => {
    const earlier = await site.on(
      'h1',
      'cat /proc/sys/kernel/random/boot_id; stat -c %Y /var/lib/whisper-backup/success',
    );
    await site.on('h1', 'touch -d "2 days ago" /var/lib/systemd/timers/stamp-whisper-backup.timer');
    await site.hosts.reboot('h1');
    assert.equal(await timerState('h1'), 'active enabled');
    await backedUp('h1');
    assert.notEqual(
      await site.on('h1', 'cat /proc/sys/kernel/random/boot_id; stat -c %Y /var/lib/whisper-backup/success'),
      earlier,
    );
  });

  it('is rolled out around a host that is dead, which is told within 20 s', async () => {
    await site.hosts.kill('h3');
    const start = Date.now();
    let told = Number.POSITIVE_INFINITY;
    const onOutput = (text: string) => {
      if (text.includes('UNREACHABLE')) told = Math.min(told, Date.now() - start);
    };
    const played = await site.play('deploy', ['-e', 'whisper_backup_cpu_weight=20'], { onOutput });
    assert.equal(outcome(played, 'h3').unreachable, 1);
    assert.ok(told < 20_000, `told after ${told} ms`);
    assert.deepEqual(changes(played), { h1: true, h2: true, h3: false });
    for (const host of ['h1', 'h2'])
      assert.equal(await site.on(host, 'systemctl show -P CPUWeight whisper-backup.service'), '20\n');
  });

  /** Every file of a host that a roll could touch, with what shows a change of it. Ansible has a directory of its own. */
  const files = (host: string): Promise<string> =>
    site.on(
      host,
      `find / -xdev '(' -path /root/.ansible -o -path /var/log -o -path /var/tmp ')' -prune -o \
         -newer /etc/machine-id -not -type d -printf '%p %s %T@ %m %u\\n'`,
    );

  const timerState = async (host: string): Promise<string> =>
    (await site.on(host, 'systemctl is-active whisper-backup.timer; systemctl is-enabled whisper-backup.timer'))
      .trim()
      .replace('\n', ' ');

  const timerStarted = (host: string): Promise<string> =>
    site.on(host, 'systemctl show -P ActiveEnterTimestampMonotonic whisper-backup.timer');

  /** Lets the timer believe that it last fired two days ago, as after an outage. */
  const missTimer = (host: string): Promise<string> =>
    site.on(
      host,
      `systemctl stop whisper-backup.timer
       rm -f /var/lib/whisper-backup/success
       touch -d '2 days ago' /var/lib/systemd/timers/stamp-whisper-backup.timer
       systemctl start whisper-backup.timer`,
    );

  /** Waits for the run that the timer started. */
  const backedUp = async (host: string): Promise<void> => {
    const ask =
      'systemctl show -P ActiveState -P Result -P ExecMainExitTimestampMonotonic whisper-backup.service | paste -s';
    let state = '';
    for (const until = Date.now() + 60_000; Date.now() < until; await sleep(250)) {
      state = await site.on(host, ask);
      if (/^inactive\tsuccess\t[1-9]/.test(state)) return;
      if (state.startsWith('failed')) break;
    }
    throw new Error(`${host}: ${state}${await site.on(host, 'journalctl --no-pager -n 30 -u whisper-backup.service')}`);
  };

  const bucket = (host: string): readonly string[] => [
    '--bucket',
    `graphite.${host}`,
    's3',
    'us-east-1',
    `endpoint=${site.store.s3.endpoint}`,
  ];

  const secrets = (): Record<string, string> => ({
    AWS_ACCESS_KEY_ID: site.store.s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: site.store.s3.secretAccessKey,
  });
});

/** What a text has that another one has not. */
function newLines(text: string, earlier = ''): readonly string[] {
  const known = new Set(earlier.split('\n'));
  return text.split('\n').filter((line) => !known.has(line));
}

function outcome(played: Played, host: string) {
  const found = played.hosts[host];
  assert.ok(found, `${host} is not in the recap: ${played.stdout}${played.stderr}`);
  return found;
}

/** Every host's counts are these. */
function assertAll(played: Played, expected: Partial<Record<'changed' | 'failed' | 'unreachable', number>>): void {
  for (const host of Object.keys(played.hosts)) {
    const found = outcome(played, host);
    for (const [name, count] of Object.entries(expected))
      assert.equal(found[name as keyof typeof expected], count, `${host}: ${name}: ${played.stdout}${played.stderr}`);
  }
  assert.ok(Object.keys(played.hosts).length > 0, `${played.stdout}${played.stderr}`);
}

function changes(played: Played): Record<string, boolean> {
  return Object.fromEntries(HOSTS.map((host) => [host, outcome(played, host).changed > 0]));
}
