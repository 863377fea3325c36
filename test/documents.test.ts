import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parseArgv } from '../scripts/cli/argv.ts';
import { commandTable } from '../scripts/cli/command-table.ts';
import { AS_ON_A_HOST, readDocuments, root, shellBlocksIn } from './fixtures/documents.ts';
import { createScratch } from './fixtures/scratch.ts';
import { plantTree } from './fixtures/tree.ts';

const exec = promisify(execFile);

const texts = await readDocuments();
const documents = [...texts.keys()];

/** The files that a document links to, from the root of the checkout. */
function linkedFrom(name: string): readonly string[] {
  const targets = [...(texts.get(name) ?? '').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)];
  return targets.map(([, target = '']) => normalize(join(dirname(name), target)));
}

function commandsIn(text: string): readonly string[] {
  return shellBlocksIn(text).flat();
}

const commands = documents.flatMap((name) => commandsIn(texts.get(name) ?? '').map((line) => ({ name, line })));

/** The words of a command, as a shell gives them to a program. */
async function wordsOf(line: string): Promise<readonly string[]> {
  const { stdout } = await exec('bash', ['-c', `printf '%s\\0' ${line}`], { cwd: tmpdir() });
  return stdout.split('\0').slice(0, -1);
}

/** What a line may begin with besides the program and make, and why it is not looked at any closer. */
const OTHERS: Readonly<Record<string, string>> = {
  git: 'the address is that of a site',
  npm: 'changes the checkout',
  cd: 'the directory is made by the line before',
  cp: 'makes an inventory',
  export: 'holds secrets',
  'ansible-vault': 'asks for a passphrase',
  ls: "looks into a host's bucket",
  gunzip: 'the SHA-1 is left out',
  zcat: 'it needs a carbon that listens',
  sha1sum: 'of the file restored before',
  'whisper-info': 'of the file restored before',
  sha256sum: 'of a release with a made-up version',
  tar: 'of a release with a made-up version',
  aws: 'run by end-to-end.test.ts',
  swift: 'run by end-to-end.test.ts',
  openstack: 'makes a credential that document-stores.test.ts has',
};

describe('The documents', () => {
  it('link to existing files', () => {
    for (const name of documents)
      for (const target of linkedFrom(name)) assert.ok(existsSync(join(root, target)), `${target} in ${name}`);
  });

  it('are all linked, directly or indirectly, from the README', () => {
    const reached = new Set(['README.md']);
    for (const name of reached) for (const target of linkedFrom(name)) reached.add(target);
    assert.deepEqual(
      documents.filter((name) => !reached.has(name)),
      [],
    );
  });

  it('name existing commands, options and make targets', async () => {
    const makefiles = await Promise.all(
      ['Makefile', 'ansible/fleet.mk'].map((name) => readFile(join(root, name), 'utf8')),
    );
    const targets = new Set([...makefiles.join('\n').matchAll(/^([a-z][a-z%-]*):/gm)].map(([, target = '']) => target));
    let checked = 0;
    for (const { name, line } of commands) {
      const where = `${name}: ${line}`;
      const [first = ''] = line.trim().split(/[\s=]/);
      const program = /^(?:sudo )?(?:scripts\/)?whisper-backup /.exec(line.trim());
      if (program !== null) {
        const typed = parseArgv(await wordsOf(line.trim().slice(program[0].length)));
        const spec = commandTable.find((command) => command.name === typed.words[0]);
        assert.ok(spec !== undefined || typed.values['help'] !== undefined, where);
        for (const option of typed.options)
          assert.ok(!option.commands || !spec || option.commands.includes(spec.name), `--${option.name} in ${where}`);
        checked++;
      } else if (first === 'make') {
        const [, target = ''] = await wordsOf(line.trim());
        const isThere = targets.has(target) || (target.startsWith('runbook-') && targets.has('runbook-%'));
        assert.ok(isThere, where);
        if (target.startsWith('runbook-') && !target.includes('…'))
          assert.ok(existsSync(join(root, `scripts/runbooks/${target.slice('runbook-'.length)}.ts`)), where);
        checked++;
      } else {
        const assigned = /^\w+=(?:\$\()?(\w+)?/.exec(line.trim());
        const command = assigned ? (assigned[1] ?? '') : first;
        assert.ok(assigned !== null || OTHERS[command] !== undefined, `no reason is given for ${where}`);
      }
    }
    assert.ok(checked > 20, `only ${checked} commands were found`);
  });

  it('have a README whose commands for this host and a disk work in sequence', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    // Enough for a fiftieth of them.
    await plantTree(
      tree,
      Array.from({ length: 300 }, (_, i) => `servers/web01/cpu${i}.wsp`),
    );
    const lines = commandsIn(texts.get('README.md') ?? '').filter((line) =>
      /^(scripts\/)?whisper-backup (.* disk |.*--help|status( --json| +#|$))/.test(line),
    );
    assert.ok(lines.length >= 10, lines.join('\n'));
    const script = [AS_ON_A_HOST, ...lines].join('\n');
    const { stdout } = await exec('unshare', ['--mount', 'sh', '-euc', script, tree], { cwd: root });
    assert.match(stdout, /servers\.web01\.cpu0/);
  });
});
