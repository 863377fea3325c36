import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caBundleIn, proxiesIn } from '../../../config/storage/network.ts';

describe('the network of a store', () => {
  it('has the proxies of the environment, in lower case first', () => {
    assert.equal(proxiesIn({}), undefined);
    assert.equal(proxiesIn({ NO_PROXY: '*', HTTP_PROXY: '' }), undefined);
    assert.deepEqual(
      proxiesIn({
        HTTP_PROXY: 'upper:1',
        http_proxy: 'lower:1',
        https_proxy: '',
        HTTPS_PROXY: 'upper:2',
        no_proxy: 'a',
      }),
      { http: 'lower:1', https: 'upper:2', bypass: 'a' },
    );
  });

  it('refuses a proxy that it could not use, without its password', () => {
    for (const url of ['https://user:hunter2@proxy:1', 'socks5://user:hunter2@proxy', 'http://user:hunter2@:::']) {
      assert.throws(() => proxiesIn({ HTTPS_PROXY: url }), {
        code: 'INVALID_OPTION',
        message: 'HTTPS_PROXY must be a URL like http://proxy.example.org:3128',
      });
    }
  });

  it('has the first CA bundle that is set', () => {
    assert.equal(caBundleIn({}, ['A', 'B']), undefined);
    assert.equal(caBundleIn({ A: '', B: '/b' }, ['A', 'B']), '/b');
    assert.equal(caBundleIn({ A: '/a', B: '/b' }, ['A', 'B']), '/a');
  });
});
