import { InvalidOptionError } from '../common/errors.ts';
import { AGGREGATION_METHODS, type AggregationMethod, type AggregationRule } from '../whisper/aggregation.ts';
import { strip } from './config-file.ts';
import { type OnSkipped, Rules } from './rules.ts';

/** Whisper's own, for what a section does not have. */
const OTHERWISE: AggregationRule = { aggregation: 'average', xFilesFactor: 0.5 };

/**
 * Parses the text of `storage-aggregation.conf` as carbon does.
 *
 * @throws InvalidOptionError if carbon would not start with the file, or a pattern is not supported.
 * @see https://graphite.readthedocs.io/en/latest/config-carbon.html#storage-aggregation-conf
 */
export function parseStorageAggregation(text: string, onSkipped: OnSkipped): Rules<AggregationRule> {
  return new Rules<AggregationRule>(
    text,
    ({ options }) => {
      const factor = options.get('xfilesfactor');
      const xFilesFactor = factor === undefined ? OTHERWISE.xFilesFactor : factorOf(factor);
      if (xFilesFactor === undefined) return `its xFilesFactor is ${JSON.stringify(factor)}, so carbon skips it`;
      const aggregation = methodOf(options.get('aggregationmethod'));
      if ((options.get('pattern') ?? '') === '') return 'it has no pattern, so carbon skips it';
      return { aggregation, xFilesFactor };
    },
    OTHERWISE,
    onSkipped,
  );
}

/** @returns undefined if Python's `float` refuses it. */
function factorOf(text: string): number | undefined {
  const digits = strip(text).replaceAll(/(?<=\d)_(?=\d)/g, '');
  const isNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(digits);
  if (!isNumber && !/^[+-]?(?:nan|inf|infinity)$/i.test(digits)) return undefined;
  const factor = isNumber ? Number(digits) : Number.NaN;
  if (factor >= 0 && factor <= 1) return factor;
  throw new InvalidOptionError(`its xFilesFactor is ${text}, but must be 0 to 1`);
}

function methodOf(text: string | undefined): AggregationMethod {
  if (text === undefined) return OTHERWISE.aggregation;
  const method = AGGREGATION_METHODS.find((name) => name === text);
  if (method) return method;
  throw new InvalidOptionError(
    `its aggregationMethod is ${JSON.stringify(text)}, but must be one of ${AGGREGATION_METHODS.join(', ')}`,
  );
}
