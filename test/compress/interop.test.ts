import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { createCompressor, createDecompressor, gzipEngines } from '../../lib/compress/engine.ts';
import { GENEROUS } from './damage.ts';
import { archiveBytes, ascii, noise } from './sample.ts';

/** Runs a program on some bytes; it must succeed. */
function run(program: string, args: readonly string[], input: Uint8Array): Uint8Array {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 64 * 1024 * 1024 });
  assert.equal(status, 0, `${program}: ${error ?? stderr}`);
  return new Uint8Array(stdout);
}

const PYTHON = '/usr/bin/python3';
const contents = [new Uint8Array(0), ascii('x'), archiveBytes(18_840), noise(100_000)];

for (const engine of gzipEngines()) {
  const compressor = await createCompressor({ gzipEngine: engine });
  const decompressor = await createDecompressor({ algorithm: 'gz', engine });

  describe(`gzip by ${engine} and the programs of the system`, () => {
    it('is accepted by gunzip -t, and decompressed by gunzip', () => {
      for (const content of contents) {
        const packed = compressor.compress(content);
        run('gunzip', ['-t'], packed);
        assert.equal(Buffer.compare(run('gunzip', ['-c'], packed), content), 0);
      }
    });

    it('is decompressed by Python', () => {
      const script = 'import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))';
      for (const content of contents) {
        assert.equal(Buffer.compare(run(PYTHON, ['-c', script], compressor.compress(content)), content), 0);
      }
    });

    it('reads the output of gzip and Python, with name and time', () => {
      const script =
        'import gzip,sys; f = gzip.GzipFile("a.wsp", "wb", 9, sys.stdout.buffer); f.write(sys.stdin.buffer.read()); f.close()';
      for (const content of contents) {
        for (const packed of [run('gzip', ['-9c'], content), run(PYTHON, ['-c', script], content)]) {
          assert.equal(Buffer.compare(decompressor.decompress(packed, GENEROUS), content), 0);
        }
      }
    });
  });
}
