import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaults } from '../../../config/defaults.ts';
import { variableOf } from '../../../config/environment.ts';
import { keys, kindOf } from '../../../config/schema.ts';
import { helpText } from '../../../scripts/cli/command-line.ts';
import { optionTable, slotOf } from '../../../scripts/cli/option-table.ts';

/** Options of the Python tool: letter, name, whether it takes a value, default. */
const python: readonly [string, string, boolean, unknown][] = [
  ['p', 'prefix', true, '/opt/graphite/storage/whisper'],
  ['f', 'processes', true, 4],
  ['r', 'retention', true, 5],
  ['x', 'purge', true, 45],
  ['n', 'noop', false, false],
  ['b', 'bucket', true, 'graphite-backups'],
  ['m', 'metrics', true, '*'],
  ['c', 'date', true, undefined],
  ['a', 'algorithm', true, 'gz'],
  ['', 'storage-path', true, ''],
  ['d', 'debug', false, false],
  ['q', 'quiet', false, false],
  ['', 'nolog', false, false],
  ['', 'logfile', true, '/var/log/whisper-backup.log'],
  ['', 'syslog', false, false],
  ['', 'nolock', false, false],
  ['', 'lockfile', true, '/var/lock/whisper-backup.lock'],
  ['', 'nostamp', false, false],
  ['', 'stampfile', true, '/var/tmp/whisper-backup.success'],
  ['', 'locktimeout', true, 90],
  ['', 'splay', true, 0],
];

describe('the options', () => {
  for (const [letter, name, takesValue, value] of python) {
    it(`include the Python tool's --${name}, for every command`, () => {
      const option = optionTable.find((one) => one.name === name);
      assert.ok(option);
      assert.equal(option.letter ?? '', letter);
      assert.equal(option.value !== undefined, takesValue);
      assert.equal(option.commands, undefined);
      assert.equal(Object.entries(defaults).find(([key]) => key === slotOf(option))?.[1], value);
    });
  }

  it('that a wrapper passes to every command are accepted by every command', () => {
    const ofTheHost = ['state-dir', 'cache-dir', 'no-cache', 'interval', 'carbon', 'carbon-prefix', 'bandwidth'];
    for (const name of [...ofTheHost, 'bytes-in-flight', 'credentials', 'config']) {
      const option = optionTable.find((one) => one.name === name);
      assert.ok(option, name);
      assert.equal(option.commands, undefined, name);
    }
  });

  it('have unique names and letters', () => {
    const names = optionTable.flatMap(({ name, letter }) => (letter === undefined ? [name] : [name, letter]));
    assert.equal(new Set(names).size, names.length);
  });

  it('set the key with the camelCase name of the option, except --dry-run, which is --noop', () => {
    for (const { name, key } of optionTable) {
      if (key === undefined || name === 'dry-run') continue;
      assert.equal(
        name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        key,
      );
    }
  });

  it('cover every key of the configuration, except the storage, an argument, and policies, which only files have', () => {
    const set = new Set(optionTable.map(({ key }) => key));
    const left = keys.filter((key) => !set.has(key));
    assert.deepEqual(left, ['storage', 'storageArgs', 'policies']);
  });

  it('have a value if and only if their key is not a flag', () => {
    for (const { name, key, value } of optionTable) {
      if (key !== undefined) assert.equal(value === undefined, kindOf(key) === 'flag', name);
    }
  });

  it('have their default in the help, but not in the table', () => {
    const help = helpText(undefined);
    for (const { name, key, text } of optionTable) {
      const value = Object.entries(defaults).find(([one]) => one === key)?.[1];
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      assert.ok(help.includes(` ${text} (${value === '' ? 'none' : value})\n`), name);
      assert.ok(value === '' || !text.endsWith(`(${value})`), text);
    }
  });

  it('have variables with the same names', () => {
    assert.equal(variableOf('storagePathRaw'), 'WHISPER_BACKUP_STORAGE_PATH_RAW');
    assert.equal(new Set(keys.map(variableOf)).size, keys.length);
  });
});
