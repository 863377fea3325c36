import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { carbonNameOf } from '../../lib/carbon/metric-name.ts';
import { pathsOfCarbon } from './python-config.ts';

describe('the name that carbon has for a file', () => {
  it('is the one for which carbon makes the path', () => {
    const names = ['servers.web01.cpu', 'disk.used;dc=fra;host=a.b', 'x;tag=é', 'carbon.agents.a'];
    const { plain } = pathsOfCarbon(names);
    assert.equal(plain[1]?.startsWith('_tagged/'), true);
    assert.deepEqual(plain.map(carbonNameOf), names);
  });

  it('is not guessed if the path has only its hash, or a _DOT_ of its own', () => {
    const { plain, hashed } = pathsOfCarbon(['disk.used;dc=fra', 'a_DOT_b;dc=fra']);
    for (const path of [hashed[0] ?? '', plain[1] ?? ''])
      assert.throws(() => carbonNameOf(path), { code: 'INVALID_OPTION', message: /its name is not certain/ }, path);
  });
});
