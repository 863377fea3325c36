import assert from 'node:assert/strict';
import { lchown, link, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { LogLevel } from '../../../lib/common/report.ts';
import { createLog, type LogSink } from '../../../scripts/cli/io/log.ts';
import { openLogFile } from '../../../scripts/cli/io/log-file.ts';
import { ManyLines } from '../../../scripts/cli/io/many-lines.ts';
import { createTerminal, mayColor } from '../../../scripts/cli/io/terminal.ts';

interface Kept extends LogSink {
  readonly lines: string[];
}

function keep(): Kept {
  const lines: string[] = [];
  return { lines, write: (level: LogLevel, line: string) => lines.push(`${level} ${line}`) };
}

describe('the log', () => {
  it('sends every line to the terminal and the file, and repeated lines with their number', () => {
    const [terminal, file] = [keep(), keep()];
    const log = createLog(terminal, { debug: false });
    log.add(file);
    log.debug('unseen');
    for (let i = 0; i < 12; i++) log.warn('again');
    log.toTerminal('info', 'terminal only');
    log.toFiles('info', 'file only');
    assert.deepEqual(terminal.lines, [...Array(12).fill('warn again'), 'info terminal only']);
    assert.deepEqual(file.lines, [...Array(12).fill('warn again'), 'info file only']);
  });

  it('escapes control characters of names', () => {
    const terminal = keep();
    createLog(terminal, { debug: false }).info('a\x1b[31m\nb\u202e %s %o');
    assert.deepEqual(terminal.lines, ['info a\\x1b[31m\\x0ab\\u{202e} %s %o']);
  });

  it('continues if a file can no longer be written, and reports that once', () => {
    const terminal = keep();
    const log = createLog(terminal, { debug: false });
    log.add({
      write() {
        throw new Error('ENOSPC');
      },
    });
    log.info('one');
    log.info('two');
    assert.deepEqual(terminal.lines, ['info one', 'error Cannot write to the log: ENOSPC', 'info two']);
  });

  it('does not end a run if a file cannot be reopened or closed', () => {
    const terminal = keep();
    const log = createLog(terminal, { debug: false });
    const fail = () => {
      throw new Error('EDQUOT');
    };
    log.add({ write() {}, reopen: fail, close: fail });
    log.reopen();
    log.close();
    assert.deepEqual(terminal.lines, [
      'error Cannot reopen the log: EDQUOT: still writing to the old file',
      'error Cannot close the log: EDQUOT: its last lines may be missing',
    ]);
  });
});

describe('lines that may repeat for each metric', () => {
  it('are shown at most twenty times with a count, and are all in the log file', () => {
    const [terminal, file] = [keep(), keep()];
    const log = createLog(terminal, { debug: false });
    log.add(file);
    const many = new ManyLines(log);
    for (let i = 0; i < 311; i++) many.write('info', `m${i} is gone`, 'metrics gone');
    for (let i = 0; i < 20; i++) many.write('info', `s${i}`, 'objects swept');
    many.end();
    assert.equal(file.lines.length, 331);
    assert.equal(terminal.lines.length, 41);
    assert.equal(
      terminal.lines.at(-1),
      'info 311 metrics gone, the first 20 are listed above: see the log file for all',
    );
  });
});

describe('standard error', () => {
  function watch(level: LogLevel, color: boolean): { text: () => string; terminal: LogSink } {
    let text = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    // Of a terminal's stream only what Writable has is used here.
    const terminal = createTerminal({ level, color, stream: stream as unknown as NodeJS.WriteStream });
    return { text: () => text, terminal };
  }

  it('gets only warnings and errors with --quiet', () => {
    const { text, terminal } = watch('warn', false);
    for (const level of ['debug', 'info', 'warn', 'error'] as const) terminal.write(level, level);
    assert.equal(text(), 'warning: warn\nerror: error\n');
  });

  it('is coloured only on request', () => {
    const { text, terminal } = watch('info', true);
    terminal.write('info', 'a');
    terminal.write('error', 'b');
    assert.equal(text(), 'a\n\x1b[31merror: b\x1b[0m\n');
  });

  it('may be coloured on a terminal, unless NO_COLOR is set', () => {
    assert.equal(mayColor({}, true), true);
    assert.equal(mayColor({}, false), false);
    assert.equal(mayColor({ NO_COLOR: '1' }, true), false);
    assert.equal(mayColor({ NO_COLOR: '' }, true), true);
    assert.equal(mayColor({ TERM: 'dumb' }, true), false);
  });
});

describe('the log file', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'log-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('has one line for each message, with the time in UTC and the level; its directory is created', async () => {
    const path = join(directory, 'deep', 'down', 'x.log');
    const file = await openLogFile(path, () => Date.UTC(2026, 10, 22, 3, 14, 15, 999));
    file.write('info', 'a;b \u00fc');
    file.write('warn', 'c');
    // Nothing is buffered: it is there before the file is closed.
    const text = '2026-11-22T03:14:15+00:00;INFO;a;b \u00fc\n2026-11-22T03:14:15+00:00;WARN;c\n';
    assert.equal(await readFile(path, 'utf8'), text);
    file.close?.();
  });

  it('is not opened by root if another user redirects it to a file of root', async () => {
    const inUse = await mkdtemp(join(tmpdir(), 'whisper-backup-log-'));
    const at = (...names: string[]) => join(inUse, ...names);
    try {
      for (const name of ['roots', 'users', 'users/own']) await mkdir(at(name));
      await writeFile(at('roots', 'file'), 'root’s');
      await symlink(at('roots'), at('users', 'directory'));
      await symlink('own', at('users', 'fine'));
      await symlink(at('roots', 'file'), at('users', 'link.log'));
      await link(at('roots', 'file'), at('users', 'hard.log'));
      await symlink(at('users', 'own', 'new.log'), at('roots', 'by root.log'));
      for (const name of ['', 'own', 'directory', 'fine', 'link.log']) await lchown(at('users', name), 1234, 1234);
      for (const name of ['directory/new.log', 'directory/file', 'link.log', 'hard.log'])
        await assert.rejects(openLogFile(at('users', name)), /belongs to user|is a symbolic link of user/, name);
      assert.deepEqual(await readdir(at('roots')), ['by root.log', 'file']);
      assert.equal(await readFile(at('roots', 'file'), 'utf8'), 'root’s');
      for (const path of [at('users', 'fine', 'a.log'), at('roots', 'by root.log'), '/dev/null'])
        (await openLogFile(path)).close?.();
      assert.deepEqual((await readdir(at('users', 'own'))).sort(), ['a.log', 'new.log']);
    } finally {
      await rm(inUse, { recursive: true });
    }
  });

  it('is appended to, never truncated', async () => {
    const path = join(directory, 'append.log');
    for (const line of ['one', 'two']) {
      const file = await openLogFile(path);
      file.write('info', line);
      file.close?.();
    }
    assert.match(await readFile(path, 'utf8'), /;INFO;one\n.*;INFO;two\n$/);
  });

  it('is reopened on demand after a rotation', async () => {
    const path = join(directory, 'hup.log');
    const file = await openLogFile(path);
    file.write('info', 'before');
    await rename(path, `${path}.1`);
    file.reopen?.();
    file.write('info', 'after');
    file.close?.();
    assert.match(await readFile(`${path}.1`, 'utf8'), /before\n$/);
    assert.match(await readFile(path, 'utf8'), /^[^\n]*after\n$/);
  });

  it('is reopened within a second after a rotation or a deletion', async () => {
    const path = join(directory, 'self.log');
    let now = 0;
    const file = await openLogFile(path, () => now);
    await rename(path, `${path}.1`);
    now = 2000;
    file.write('info', 'rotated');
    assert.match(await readFile(path, 'utf8'), /rotated\n$/);
    await rm(path);
    now = 4000;
    file.write('info', 'deleted');
    assert.match(await readFile(path, 'utf8'), /^[^\n]*deleted\n$/);
    file.close?.();
  });
});
