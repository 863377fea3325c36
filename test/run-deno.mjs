// Runs the tests that are for Deno, two processes at a time as on Node. What a process says is shown whole when it ends,
// and what failed once more at the very end.
import pMap from 'p-map';
import { $ } from 'zx';

/** Files a process: enough that its start costs little, and so few that both ends come at about the same time. */
const FILES = 8;

const files = (await $({ stdio: ['ignore', 'pipe', 'ignore'] })`node test/test-files.mjs deno`).lines();
const batches = Array.from({ length: Math.ceil(files.length / FILES) }, (_, i) =>
  files.slice(i * FILES, (i + 1) * FILES),
);
const failures = [];
const deno = $({ nothrow: true, quiet: true, stdio: ['ignore', 'pipe', 'pipe'] });
await pMap(
  batches,
  async (batch) => {
    const ended = await deno`node_modules/.bin/deno test --allow-all --no-check --quiet ${batch}`;
    console.log(ended.stdall);
    if (ended.exitCode === 0) return;
    const errors = ended.stdall.lastIndexOf(' ERRORS ');
    failures.push(errors < 0 ? `${batch.join(' ')}: exit code ${ended.exitCode}` : ended.stdall.slice(errors));
  },
  { concurrency: 2 },
);
for (const failure of failures) console.log(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
