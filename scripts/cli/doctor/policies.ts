import { excludedDirectories } from '../../../lib/common/glob.ts';
import { policyFinder } from '../../../lib/expiry/policies.ts';
import { walk } from '../../../lib/tree/walk.ts';
import { type Check, ok, type Verdict, warn } from './check.ts';

/** Looks in the tree for a metric of each policy; stops when each has one. */
export const policies: Check = {
  name: 'policies',
  deadline: 60,
  async run({ config }, signal): Promise<Verdict> {
    const { policies, prefix } = config;
    if (policies.length === 0) return ok('No policies: the same rules keep the backups of all metrics');
    const find = policyFinder(policies);
    const unused = new Set(policies.keys());
    for await (const page of walk(prefix, { skip: excludedDirectories(config), signal })) {
      for (const item of page) if (item.kind === 'file') unused.delete(find(item.metric));
      if (unused.size === 0) return ok(`Each of the ${policies.length} policies is the first that matches some metric`);
    }
    const names = [...unused].map((index) => `number ${index + 1} (${JSON.stringify(policies[index]?.match)})`);
    return warn(
      `No metric in ${prefix} gets the policy ${names.join(' or ')}`,
      'Correct or remove it; only the first policy that matches a metric counts, so put special ones first',
    );
  },
};
