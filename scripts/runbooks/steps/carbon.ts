import type { Fleet } from '../engine/fleet.ts';
import type { RunbookOption, Step, Values } from '../engine/runbook.ts';

export const carbonOption: RunbookOption = {
  name: 'carbon-unit',
  value: 'unit',
  isMany: true,
  text: "carbon's units on the host, in start order (carbon-cache.service)",
};

function unitsOf(values: Values): readonly string[] {
  const units = values.all('carbon-unit');
  return units.length > 0 ? units : ['carbon-cache.service'];
}

export function startCarbon(fleet: Fleet, host: string, values: Values): Step {
  return {
    id: 'start-carbon',
    title: `Start carbon on ${host}`,
    commands: [fleet.remote(host, ['systemctl', 'start', ...unitsOf(values)])],
    frees: ['stop-carbon'],
  };
}

export function stopCarbon(fleet: Fleet, host: string, values: Values): Step {
  const units = unitsOf(values).toReversed();
  return {
    id: 'stop-carbon',
    title: `Stop carbon on ${host}, which first writes the points in its cache; relays keep new ones until their queues are full`,
    commands: [fleet.remote(host, ['systemctl', 'stop', ...units])],
    asks: `Stop carbon on ${host}?`,
    holds: `carbon is stopped on ${host} (systemctl start ${unitsOf(values).join(' ')})`,
  };
}
