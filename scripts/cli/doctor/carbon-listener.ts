import { sendPoints } from '../../../lib/carbon/plaintext.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { type Check, ok, warn } from './check.ts';

/** Checks that carbon's listener accepts connections, if figures are sent to one. */
export const carbonListener: Check = {
  name: 'figures',
  async run({ config }) {
    if (config.carbon === undefined) return ok('No figures are sent: carbon is not set');
    try {
      await sendPoints(config.carbon, [], 5);
      return ok(`carbon at ${config.carbon} accepts connections`);
    } catch (error) {
      return warn(
        `Cannot connect to carbon at ${config.carbon}: ${reasonOf(error)}`,
        'Set carbon: to the host and port of LINE_RECEIVER_PORT, and allow it in the firewall',
      );
    }
  },
};
