import { z } from 'zod/v4';
import { choice, list, map, whole } from './fields';
import { KNOWN_METRICS, METRIC_NAME_PATTERN } from './metrics';
import {
  DURATION_PATTERN,
  parseDuration,
  parsePercent,
  PERCENT_PATTERN,
} from './units';

const METRIC_NAMES = KNOWN_METRICS.map(metric => metric.name);
const NAME_ERROR = `one of the metrics ${METRIC_NAMES.join(
  ', ',
)}, or one that the platform has added`;

const threshold = (what: string) =>
  z.union(
    [
      z.int().min(0),
      z.string().regex(PERCENT_PATTERN),
      z.string().regex(DURATION_PATTERN),
    ],
    {
      error: `${what}: a threshold with its unit, such as 99%, 300ms or, for counts, 100`,
    },
  );

/** How a threshold of each unit is written. @public */
export const THRESHOLD_FORMS = {
  ratio: 'a share with its sign, such as 99%',
  milliseconds: 'a duration with its unit, such as 300ms',
  count: 'a whole number, such as 100',
} as const;

/** Milliseconds, 0..1 or a count; `undefined` when it is of another unit. @public */
export function readThreshold(
  value: string | number,
  unit: keyof typeof THRESHOLD_FORMS,
): number | undefined {
  if (unit === 'count') {
    return typeof value === 'number' ? value : undefined;
  }
  if (typeof value === 'number') {
    return undefined;
  }
  if (unit === 'milliseconds') {
    return parseDuration(value);
  }
  const share = parsePercent(value);
  // Three decimals of a percentage, without the noise of binary fractions.
  return share === undefined ? undefined : Number((share / 100).toFixed(6));
}

const metric = map({
  // The known ones are named for editors; which others there are is the
  // platform's, and is checked where that is known.
  name: z
    .union([z.enum(METRIC_NAMES), z.string().regex(METRIC_NAME_PATTERN)], {
      error: NAME_ERROR,
    })
    .meta({ description: 'What is measured.' }),
  min: threshold('min')
    .optional()
    .meta({ description: 'The value must not be below.' }),
  max: threshold('max')
    .optional()
    .meta({ description: 'The value must not be above.' }),
  minSamples: whole('minSamples: a number of samples', {
    min: 0,
    max: 10_000_000,
  })
    .optional()
    .meta({ description: 'Fewer samples than this decide nothing.' }),
  noData: choice(['inconclusive', 'pass', 'fail', 'extend']).optional().meta({
    description: 'What a window without data means. Default: inconclusive.',
  }),
  failureLimit: whole(
    'failureLimit: failing measurements that are tolerated,',
    {
      min: 0,
      max: 1_000,
    },
  )
    .optional()
    .meta({
      description: 'Failing measurements that are tolerated. Default: 0.',
    }),
  consecutiveErrorLimit: whole('consecutiveErrorLimit: errors in a row', {
    min: 0,
    max: 1_000,
  })
    .optional()
    .meta({
      description:
        'Errors in a row of the provider before the verdict is error. Default: 4.',
    }),
}).superRefine((value, context) => {
  const unit = KNOWN_METRICS.find(known => known.name === value.name)?.unit;
  checkBounds(value, unit, context);
});

/** Without a unit only what is true of every metric is checked. */
function checkBounds(
  value: { name: string; min?: string | number; max?: string | number },
  unit: keyof typeof THRESHOLD_FORMS | undefined,
  context: z.RefinementCtx,
): void {
  const bounds: Partial<Record<'min' | 'max', number>> = {};
  for (const side of ['min', 'max'] as const) {
    const written = value[side];
    if (written !== undefined && unit) {
      bounds[side] = readThreshold(written, unit);
      if (bounds[side] === undefined) {
        context.addIssue({
          code: 'custom',
          path: [side],
          message: `for ${value.name}, ${THRESHOLD_FORMS[unit]}`,
        });
      }
    }
  }
  if (value.min === undefined && value.max === undefined) {
    context.addIssue({
      code: 'custom',
      message: 'min or max, or both',
      params: { found: 'neither' },
    });
  }
  if (
    bounds.min !== undefined &&
    bounds.max !== undefined &&
    bounds.min > bounds.max
  ) {
    context.addIssue({
      code: 'custom',
      path: ['max'],
      message: `max not below min (${value.min})`,
    });
  }
}

/** What an analysis measures. */
export const metrics = list(metric, 'metrics', { min: 1, max: 30 }).superRefine(
  (value, context) => {
    value.forEach(({ name: metricName }, index) => {
      if (value.findIndex(other => other.name === metricName) < index) {
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: 'each metric once',
          params: { found: `"${metricName}" a second time` },
        });
      }
    });
  },
);
