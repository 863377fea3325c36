import type { CommandName } from './option-table.ts';
import type { Invocation } from './run/invocation.ts';

/** A command and its help. Its code is loaded only when it runs, so that help and version start fast. */
export interface CommandSpec {
  readonly name: CommandName;
  /** The words after the name: `<x>` is required, `[x]` optional, `[...x]` takes the rest. */
  readonly args: string;
  readonly text: string;
  readonly examples: readonly string[];
  /** Whether it writes to the log file. */
  readonly logs: boolean;
  load(): Promise<{ run(invocation: Invocation): Promise<number> }>;
}

export const commandTable: readonly CommandSpec[] = [
  {
    name: 'backup',
    args: '[storage] [...args]',
    text: 'Back up all changed metrics, apply retention, purge metrics that are gone',
    examples: [
      'whisper-backup -b graphite.web01 backup disk path=/srv/backups',
      'whisper-backup --quiet --retention 5 --exclude "carbon.agents.*" backup disk /srv/backups',
      'whisper-backup -n backup disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'journal',
    args: '[storage] [...args]',
    text: 'Store the points written since the last run, between backups; restore applies them',
    examples: [
      'whisper-backup -b graphite.web01 journal disk path=/srv/backups',
      'whisper-backup --quiet --journal-keep 8 journal s3 eu-central-1',
      'whisper-backup -n journal disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/journal.ts'),
  },
  {
    name: 'restore',
    args: '[storage] [...args]',
    text: 'Restore missing metrics, fill gaps in existing ones',
    examples: [
      'whisper-backup -b graphite.web01 restore disk /srv/backups',
      'whisper-backup -m "servers.web01.*" --date 2026-11-22T03:00:00Z restore disk /srv/backups',
      'whisper-backup --prefix /tmp/look --owner carbon:carbon --fallback restore disk /srv/backups',
      'whisper-backup -n --report restore.html restore disk /srv/backups',
      'whisper-backup -n -m "servers.web01.*" --date 2026-11-22T13:59Z --from 2026-11-22T14:00Z --until 2026-11-22T15:20Z restore disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'purge',
    args: '[storage] [...args]',
    text: 'Delete the backups of metrics that have been gone for --purge days',
    examples: [
      'whisper-backup -n purge disk /srv/backups',
      'whisper-backup -x 45 -b graphite.web01 purge disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/purge.ts'),
  },
  {
    name: 'prune',
    args: '[storage] [...args]',
    text: 'Apply retention and due tombstones without a tree, to the bucket of a host that must not delete',
    examples: [
      'whisper-backup -n --json -b graphite.web01 prune s3 eu-central-1',
      'whisper-backup -b graphite.web01 -r 5 --keep-within 14 --keep-monthly 13 prune s3 eu-central-1',
    ],
    logs: true,
    load: () => import('./commands/prune.ts'),
  },
  {
    name: 'list',
    args: '[storage] [...args]',
    text: 'List backups: metric, date, size, and until when the journal continues them',
    examples: [
      'whisper-backup -m "servers.web01.*" list disk /srv/backups',
      'whisper-backup --since 2026-11-01 --json list disk /srv/backups',
    ],
    logs: false,
    load: () => import('./commands/list.ts'),
  },
  {
    name: 'hold',
    args: '<action> [name] [storage] [...args]',
    text: 'Keep backups from being deleted, whatever the rules say: add, list or release a hold',
    examples: [
      'whisper-backup -b graphite.web01 hold add incident-7 --date 2026-11-22 -m "servers.*" disk /srv/backups',
      'whisper-backup hold add audit --until 2027-12-31 --reason "yearly audit" disk /srv/backups',
      'whisper-backup hold list disk /srv/backups',
      'whisper-backup hold release incident-7 disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/hold.ts'),
  },
  {
    name: 'verify',
    args: '[storage] [...args]',
    text: 'Verify that backups are intact, and list those that are not',
    examples: [
      'whisper-backup -b graphite.web01 verify disk /srv/backups',
      'whisper-backup --read-data=3/7 --compare verify disk /srv/backups',
      'whisper-backup --read-data --repair verify disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'drill',
    args: '[storage] [...args]',
    text: 'Restore into scratch space, compare with the live tree, measure RPO and RTO',
    examples: [
      'whisper-backup -b graphite.web01 --scratch /var/tmp/drill drill disk /srv/backups',
      'whisper-backup --scratch /var/tmp/drill --sample 3/50 --json drill disk /srv/backups',
    ],
    logs: true,
    load: () => import('./commands/drill.ts'),
  },
  {
    name: 'schema',
    args: '',
    text: "List local files whose schema is not that of carbon's configuration, and the change in size",
    examples: [
      'whisper-backup --schemas /etc/carbon/storage-schemas.conf schema',
      'whisper-backup --retentions 10s:6h,1m:7d -m "stats.*" --json schema',
    ],
    logs: false,
    load: () => import('./commands/schema.ts'),
  },
  {
    name: 'status',
    args: '[storage] [...args]',
    text: 'Report whether the backups of this host are healthy; exit code 1 if not, for monitoring',
    examples: [
      'whisper-backup status',
      'whisper-backup status --json',
      'whisper-backup -b graphite.web01 --bucket-records status disk /srv/backups',
    ],
    logs: false,
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'fill',
    args: '<source> <destination>',
    text: 'Fill the gaps of one Whisper file from another',
    examples: ['whisper-backup fill old/cpu.wsp /opt/graphite/storage/whisper/servers/web01/cpu.wsp'],
    logs: true,
    load: () => import('./commands/fill.ts'),
  },
  {
    name: 'show',
    args: '<target> [storage] [...args]',
    text: 'Show a Whisper file (a path), or a stored metric (its dotted name)',
    examples: [
      'whisper-backup show /opt/graphite/storage/whisper/servers/web01/cpu.wsp',
      'whisper-backup show servers.web01.cpu --date 2026-11-22 disk /srv/backups',
      'whisper-backup show --json servers.web01.cpu disk /srv/backups',
    ],
    logs: false,
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'doctor',
    args: '[storage] [...args]',
    text: 'Check that this host can back up and restore, and report what to change',
    examples: ['whisper-backup doctor', 'whisper-backup --json doctor s3 eu-central-1'],
    logs: false,
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'config',
    args: '[storage] [...args]',
    text: 'Print the resolved configuration and the source of each value',
    examples: ['whisper-backup config', 'whisper-backup --config site.yaml --config host.yaml config --json'],
    logs: false,
    load: () => import('./commands/config.ts'),
  },
];
