import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaults } from '../../../../config/defaults.ts';
import { createOutage } from '../../../../lib/store/decorators/outage.ts';
import { bad, type Check, ok, warn, worstOf } from '../../../../scripts/cli/doctor/check.ts';
import { examine } from '../../../../scripts/cli/doctor/examine.ts';
import { createLog } from '../../../../scripts/cli/io/log.ts';
import { standardOutput } from '../../../../scripts/cli/io/output.ts';
import { createTerminal } from '../../../../scripts/cli/io/terminal.ts';
import type { Invocation } from '../../../../scripts/cli/run/invocation.ts';

/** As much of one as these checks look at. */
function invocation(stop = new AbortController()): Invocation {
  const terminal = createTerminal({ level: 'error', color: false });
  return {
    config: { ...defaults, storageArgs: [], exclude: [] },
    origins: new Map(),
    configured: {},
    words: [],
    option: () => undefined,
    options: () => [],
    log: createLog(terminal, { debug: false }),
    terminal,
    color: false,
    output: standardOutput(),
    interruption: { signal: stop.signal, exitCode: undefined },
    outage: createOutage(),
  };
}

const well: Check = { name: 'well', run: async () => ok('it is well') };

describe('an examination', () => {
  it('reports the result of each check, in order, and a failed check as bad', async () => {
    const crashing: Check = {
      name: 'crashing',
      async run() {
        throw new Error('out of order');
      },
    };
    const suspect: Check = { name: 'suspect', run: async () => warn('hm', 'look again') };
    assert.deepEqual(await examine([suspect, crashing, well], invocation()), [
      { name: 'suspect', level: 'warn', finding: 'hm', remedy: 'look again' },
      { name: 'crashing', level: 'bad', finding: 'out of order' },
      { name: 'well', level: 'ok', finding: 'it is well' },
    ]);
  });

  it('waits for each check only until its deadline, and aborts it then', async () => {
    let told: unknown;
    const hanging: Check = {
      name: 'hanging',
      deadline: 0.05,
      run: (_, signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            told = signal.reason;
          });
        }),
    };
    const findings = await examine([hanging, well], invocation());
    assert.deepEqual(
      findings.map(({ level, finding }) => [level, finding]),
      [
        ['bad', 'no answer within 0.05 s'],
        ['ok', 'it is well'],
      ],
    );
    assert.match(String(told), /no answer/);
  });

  it('ends when the program must stop', async () => {
    const stop = new AbortController();
    const hanging: Check = { name: 'hanging', run: () => new Promise(() => {}) };
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 10);
    await assert.rejects(examine([hanging], invocation(stop)), /Ctrl-C/);
  });

  it('has the level of the worst result', () => {
    assert.equal(worstOf([]), 'ok');
    assert.equal(worstOf(['ok', 'warn', 'ok']), 'warn');
    assert.equal(worstOf(['warn', bad('x').level, 'ok']), 'bad');
  });
});
