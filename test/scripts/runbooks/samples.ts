/** Each runbook, with the options that it is tested with. */
export const samples: Readonly<Record<string, readonly string[]>> = {
  'host-lost': ['--host', 'h1', '--metrics', 'servers.*', '--metrics', 'carbon.*'],
  'subtree-deleted': ['--host', 'h1', '--metrics', 'servers.web01.*', '--date', '2026-11-22T03:00:00Z'],
  'bad-data': [
    '--host',
    'h1',
    '--metrics',
    'servers.web01.*',
    ...['--from', '2026-11-22T03:00:00Z', '--until', '2026-11-22T05:00:00Z'],
  ],
  'move-metrics': ['--from', 'h1', '--to', 'h2', '--metrics', 'servers.web01.*', '--bucket', 'graphite.h1'],
  'bucket-damaged': ['--host', 'h1'],
  ransomware: [
    '--host',
    'h1',
    '--as-of',
    '2026-11-22T03:30:00Z',
    '--into',
    '/srv/restored',
    '--on',
    'h2',
    '--bucket',
    'b',
  ],
  drill: ['--limit', 'graphite', '--sample', '1/10'],
};
