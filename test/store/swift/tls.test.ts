import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { describe, it } from 'node:test';
import { createSwiftStore } from '../../../lib/store/drivers/swift/swift.ts';
import { PermanentError } from '../../../lib/store/errors.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { sh } from '../../fixtures/sh.ts';
import { bytes } from '../collect.ts';

describe('the certificate of a server', () => {
  it('is trusted if and only if its authority is in the CA bundle', async () => {
    await using scratch = await createScratch();
    const make = async (name: string, more: readonly string[]) => {
      const files = { key: scratch.at(`${name}.key`), cert: scratch.at(`${name}.pem`) };
      const making = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', files.key];
      sh`openssl ${making} -out ${files.cert} ${more}`;
      return { files, key: await readFile(files.key, 'utf8'), cert: await readFile(files.cert, 'utf8') };
    };
    const authority = await make('authority', ['-subj', '/CN=Authority']);
    const issuer = ['-CA', authority.files.cert, '-CAkey', authority.files.key];
    const extensions = ['-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE'];
    const { key, cert } = await make('server', ['-subj', '/CN=localhost', ...extensions, ...issuer]);
    const server = createServer({ key, cert }, ({ url = '' }, response) => {
      const { localPort } = response.socket ?? {};
      if (url.startsWith('/auth')) {
        response.setHeader('x-auth-token', 'token');
        response.setHeader('x-storage-url', `https://localhost:${localPort}/v1/AUTH_test`);
      }
      response.statusCode = 201;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      const authUrl = `https://localhost:${address.port}/auth`;
      const options = { container: 'bucket', auth: { method: 'v1', authUrl, user: 'u', key: 'the-Key' } } as const;
      const distrustful = createSwiftStore(options);
      await assert.rejects(distrustful.put('a', bytes('x')), (error) => {
        assert.ok(error instanceof PermanentError, String(error));
        assert.match(error.message, /certificate is not trusted .*; set its authority as the CA bundle$/);
        return true;
      });
      await distrustful.close();
      const trusting = createSwiftStore({ ...options, caBundle: authority.cert });
      await trusting.put('a', bytes('x'));
      await trusting.close();
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
