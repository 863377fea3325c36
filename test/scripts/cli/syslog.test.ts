import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { runTypeScript } from '../../fixtures/runtime.ts';
import { isDeno } from './program.ts';

describe('syslog', () => {
  it('gets each line unchanged, under our name: nothing in it is interpreted as a format', () => {
    const module = new URL('../../../scripts/cli/io/syslog.ts', import.meta.url).href;
    const code = `
      const { openSyslog } = await import(${JSON.stringify(module)});
      const sink = openSyslog({ echo: true });
      globalThis.gc?.();
      for (const level of ['debug', 'info', 'warn', 'error']) sink.write(level, level + ' 100%s %n \\u00fc');
      sink.close();`;
    const args = isDeno ? ['eval', code] : ['--expose-gc', ...runTypeScript, '--input-type=module', '--eval', code];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const lines = ['debug', 'info', 'warn', 'error'].map((level) => `whisper-backup[PID]: ${level} 100%s %n \u00fc\n`);
    assert.equal(stderr.replace(/\[\d+\]/g, '[PID]'), lines.join(''));
  });
});
