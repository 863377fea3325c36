import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { sampleFiles } from '../../../../scripts/cli/doctor/sample-files.ts';
import { plantMetrics } from '../../../fixtures/metric.ts';
import { createScratch } from '../../../fixtures/scratch.ts';
import { Tmpfs } from '../../../fixtures/tmpfs.ts';

describe('sampleFiles', () => {
  it('walks like a backup: through links, and neither into lost+found nor excluded directories', async () => {
    await using scratch = await createScratch();
    using tree = new Tmpfs(scratch.at('tree'), 'size=1m');
    await plantMetrics(tree.path, ['a/x', 'lost+found/x', 'old/x', 'b/old/x']);
    await plantMetrics(scratch.at('disk2'), ['y']);
    await symlink(scratch.at('disk2'), tree.at('linked'));
    await symlink('..', tree.at('a', 'round'));
    await symlink('nowhere', tree.at('dangling'));
    const { files, closed } = await sampleFiles(tree.path, 20, ['old'], new AbortController().signal);
    const expected = ['a/x', 'b/old/x', 'linked/y'].map((path) => tree.at(`${path}.wsp`));
    assert.deepEqual([files.toSorted(), closed], [expected, []]);
  });
});
