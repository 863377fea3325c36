import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Hosts, startHosts } from './hosts.ts';

/*
 * What `status` makes of a real systemd: the program of this checkout on one host, with units as short as they can be.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));

const SERVICE = `[Service]
Type=oneshot
Environment=WHISPER_BACKUP_STORAGE=disk WHISPER_BACKUP_STORAGE_ARGS=/srv/backups WHISPER_BACKUP_NO_CACHE=true
Environment=WHISPER_BACKUP_PREFIX=/srv/tree
ExecStart=/opt/bin/node /opt/checkout/dist/whisper-backup.mjs backup --include-damaged`;

const TIMER = `[Timer]
OnCalendar=*-*-* 02:00:00
Persistent=true
[Install]
WantedBy=timers.target`;

const UNITS = '/etc/systemd/system';

describe('status on a host with systemd', { timeout: 600_000 }, () => {
  let hosts: Hosts;

  const on = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await hosts.on('h1', ['sh', '-euc', script]);
    assert.equal(code, 0, `${script}: ${stderr}${stdout}`);
    return stdout;
  };
  const status = async (): Promise<{ state: string; problems: readonly string[]; lastTrigger: string | null }> => {
    const options = 'WHISPER_BACKUP_STORAGE=disk WHISPER_BACKUP_STORAGE_ARGS=/srv/backups';
    return JSON.parse(await on(`${options} /opt/bin/node /opt/checkout/dist/whisper-backup.mjs status --json || :`));
  };
  const change = (what: string) => on(`sed -i '${what}' ${UNITS}/whisper-backup.service; systemctl daemon-reload`);
  const backUp = () =>
    on('systemctl start whisper-backup.service || { journalctl --no-pager -u whisper-backup >&2; exit 1; }');
  const fail = () => on('! systemctl start whisper-backup.service 2>/dev/null');

  before(async () => {
    hosts = await startHosts();
    await hosts.create('h1');
    const parts = ['package.json', 'dist', 'node_modules/koffi', 'node_modules/piscina', 'node_modules/@koromix'];
    const tar = ['tar', ['-ch', '-C', root, '--exclude=dist/release', '--transform=s,^,checkout/,', ...parts]] as const;
    const { stdout } = await promisify(execFile)(...tar, { encoding: 'buffer', maxBuffer: 2 ** 30 });
    await hosts.on('h1', ['tar', '-x', '-C', '/opt'], { input: stdout });
    const node = await promisify(execFile)('cat', [process.execPath], { encoding: 'buffer', maxBuffer: 2 ** 30 });
    await hosts.on('h1', ['sh', '-c', 'mkdir -p /opt/bin; cat >/opt/bin/node; chmod 755 /opt/bin/node'], {
      input: node.stdout,
    });
    await on(`mkdir -p /srv/tree /srv/backups; head -c 9 /dev/zero >/srv/tree/a.wsp
      printf '%s\n' '${SERVICE}' >${UNITS}/whisper-backup.service
      printf '%s\n' '${TIMER}' >${UNITS}/whisper-backup.timer
      systemctl daemon-reload; systemctl enable --now whisper-backup.timer`);
  });
  after(() => hosts?.stop());

  it('is unknown before the first backup and ok after it', async () => {
    assert.equal((await status()).state, 'unknown');
    await backUp();
    const { state, problems } = await status();
    assert.deepEqual([state, problems], ['ok', []]);
  });

  it('is failed when systemd could not start the backup: its user or its credentials are missing', async () => {
    for (const [line, exitStatus] of [
      ['User=nosuch', 217],
      ['LoadCredential=x:/nope', 243],
    ] as const) {
      await change(`/^Type/a ${line}`);
      // Its times are of whole seconds.
      await on('sleep 1.1');
      await fail();
      const { state, problems } = await status();
      assert.equal(state, 'failed');
      assert.match(problems[0] ?? '', new RegExp(`whisper-backup.service failed .*exit status ${exitStatus}`));
      await change(`\\|^${line.split('=')[0]}|d`);
      await backUp();
      assert.equal((await status()).state, 'ok');
    }
  });

  it('is failed when the timer started a backup that left no record', async () => {
    await change('/^Type/i ExecCondition=/bin/false');
    await on(`systemctl stop whisper-backup.timer
      touch -d '2 days ago' /var/lib/systemd/timers/stamp-whisper-backup.timer; sleep 1.1
      systemctl start whisper-backup.timer
      for i in $(seq 100); do
        [ "$(systemctl show -P LastTriggerUSecMonotonic whisper-backup.timer)" = 0 ] || break
        sleep 0.1
      done
      sleep 1`);
    const { state, problems, lastTrigger } = await status();
    assert.equal(state, 'failed', problems.join());
    assert.match(problems[0] ?? '', /timer started at .* left no record|whisper-backup.service failed/);
    assert.notEqual(lastTrigger, null);
    await change('/^ExecCondition/d');
    await backUp();
    assert.equal((await status()).state, 'ok');
  });

  it('is off when the timer is disabled or stopped', async () => {
    await on('systemctl disable whisper-backup.timer');
    assert.equal((await status()).state, 'off');
    await on('systemctl enable whisper-backup.timer; systemctl stop whisper-backup.timer');
    assert.equal((await status()).state, 'off');
    await on('systemctl start whisper-backup.timer');
    assert.equal((await status()).state, 'ok');
  });

  it('is late when the timer of the journal is enabled and two of its runs have not succeeded', async () => {
    const timer = `${UNITS}/whisper-backup-journal.timer`;
    await on(`printf '%s\n' '[Service]' Type=oneshot ExecStart=/bin/false >${UNITS}/whisper-backup-journal.service
      printf '%s\n' '[Timer]' 'OnCalendar=*:*:0/2' '[Install]' WantedBy=timers.target >${timer}
      systemctl daemon-reload; systemctl start whisper-backup-journal.timer; sleep 5`);
    assert.deepEqual((await status()).problems, [], 'it is not enabled');
    await on('systemctl enable whisper-backup-journal.timer');
    const { state, problems } = await status();
    assert.equal(state, 'late');
    assert.match(problems.join(), /^the journal is late: none has succeeded, and two were due by .*journal\.service$/);
    // It starts to count anew after a backup, for which it would wait, and when the timer is started.
    await on(`sed -i 's/^OnCalendar=.*/OnCalendar=hourly/' ${timer}; systemctl daemon-reload`);
    assert.deepEqual((await status()).problems, []);
    await on('systemctl disable --now whisper-backup-journal.timer');
  });
});
