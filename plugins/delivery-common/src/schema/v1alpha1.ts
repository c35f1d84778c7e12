import { z } from 'zod/v4';
import {
  amount,
  choice,
  duration,
  entityName,
  list,
  map,
  name,
  oneOf,
  path,
  percent,
  text,
  whole,
} from './fields';
import { KNOWN_METRICS } from './metrics';
import {
  DURATION_PATTERN,
  parseDuration,
  parsePercent,
  PERCENT_PATTERN,
} from './units';

/** @public */
export const V1ALPHA1 = 'delivery.slipway.dev/v1alpha1';

const METRIC_NAMES = KNOWN_METRICS.map(metric => metric.name);

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

/** How a threshold of each unit is written. */
const THRESHOLD_FORMS = {
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
  name: z
    .enum(METRIC_NAMES, {
      error: `one of the metrics ${METRIC_NAMES.join(', ')}`,
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
  if (!unit) {
    return;
  }
  const bounds: Partial<Record<'min' | 'max', number>> = {};
  for (const side of ['min', 'max'] as const) {
    const written = value[side];
    if (written !== undefined) {
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
});

const metrics = list(metric, 'metrics', { min: 1, max: 30 }).superRefine(
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

const analysisFields = {
  interval: duration('interval', '5s', { min: '1s', max: '1h' })
    .optional()
    .meta({
      description:
        'Distance between two measurements. Default: a sixth of the duration, 1s to 1m.',
    }),
  extend: duration('extend', '1m', { max: '7d' }).optional().meta({
    description:
      'How long past the duration to wait for samples. Default: the duration, at least 1m.',
  }),
  metrics: metrics
    .optional()
    .meta({ description: 'Default: the metrics of the strategy.' }),
};

const analysisDuration = duration('duration', '1m', {
  min: '1s',
  max: '7d',
}).meta({
  description: 'How long to measure at least before a pass.',
});

const analysis = map({ duration: analysisDuration, ...analysisFields });

const rolling = map({
  maxSurge: amount('maxSurge')
    .optional()
    .meta({ description: 'Instances above the wanted number. Default: 25%.' }),
  maxUnavailable: amount('maxUnavailable')
    .optional()
    .meta({ description: 'Instances that may be missing. Default: 0.' }),
}).superRefine((value, context) => {
  const isZero = (side: string | number | undefined) =>
    side === 0 || (typeof side === 'string' && parsePercent(side) === 0);
  if (isZero(value.maxSurge) && isZero(value.maxUnavailable ?? 0)) {
    context.addIssue({
      code: 'custom',
      message: 'maxSurge or maxUnavailable above 0, or nothing can move',
      params: { found: 'both 0' },
    });
  }
});

const scaleDownDelay = duration('scaleDownDelay', '30s', { max: '7d' })
  .optional()
  .meta({
    description:
      'How long what served before is kept running, for an instant way back. Default: 30s.',
  });

const rollbackWindow = whole('rollbackWindow: a number of releases', {
  min: 0,
  max: 20,
})
  .optional()
  .meta({
    description:
      'Going back to one of this many last promoted releases skips the steps. Default: 0.',
  });

const step = oneOf({
  weight: percent('weight', '10%')
    .optional()
    .meta({ description: 'The share of the traffic that the candidate gets.' }),
  analysis: analysis.optional().meta({
    description: 'Measure, and go on only when every metric is good.',
  }),
  pause: map({
    duration: duration('duration', '10m', { min: '1s' })
      .optional()
      .meta({ description: 'Absent: until a person promotes.' }),
  }).optional(),
});

const canary = map({
  steps: list(step, 'steps', { min: 1, max: 50 }).superRefine(
    (value, context) => {
      let reached = -1;
      value.forEach((entry, index) => {
        if (entry.weight !== undefined) {
          const weight = parsePercent(entry.weight);
          if (weight !== undefined && weight <= reached) {
            context.addIssue({
              code: 'custom',
              path: [index, 'weight'],
              message: `a weight above the ${reached}% of the step before, as weights only grow`,
            });
          }
          reached = Math.max(reached, weight ?? reached);
        } else if (entry.analysis && reached <= 0) {
          context.addIssue({
            code: 'custom',
            path: [index, 'analysis'],
            message: 'a step with a weight before an analysis',
            params: {
              found: 'an analysis of a candidate that gets no traffic yet',
              hint: 'Put a step such as `weight: 10%` in front of it.',
            },
          });
        }
      });
    },
  ),
  metrics: metrics.optional().meta({
    description:
      'What every analysis measures that names no metrics of its own.',
  }),
  background: map({
    startingStep: whole('startingStep: the number of a step, counted from 1,', {
      min: 1,
      max: 50,
    })
      .optional()
      .meta({ description: 'From which step on, counted from 1. Default: 1.' }),
    ...analysisFields,
  })
    .optional()
    .meta({ description: 'An analysis that runs beside the steps.' }),
  scaleDownDelay,
  rollbackWindow,
}).superRefine((value, context) => {
  const missing = (at: Array<string | number>) =>
    context.addIssue({
      code: 'custom',
      path: at,
      message: 'metrics here or for the whole strategy',
      params: {
        found: 'an analysis without metrics',
        hint: 'Add for example `metrics: [{ name: success-rate, min: 99% }]` to the strategy.',
      },
    });
  if (!value.metrics) {
    value.steps.forEach((entry, index) => {
      if (entry.analysis && !entry.analysis.metrics) {
        missing(['steps', index, 'analysis']);
      }
    });
    if (value.background && !value.background.metrics) {
      missing(['background']);
    }
  }
  const startingStep = value.background?.startingStep;
  if (startingStep !== undefined && startingStep > value.steps.length) {
    context.addIssue({
      code: 'custom',
      path: ['background', 'startingStep'],
      message: `the number of one of the ${value.steps.length} steps`,
    });
  }
});

const blueGreen = map({
  previewReplicas: whole('previewReplicas: a number of instances', {
    min: 1,
    max: 10_000,
  })
    .optional()
    .meta({ description: 'Absent: as many as serve now.' }),
  autoPromoteAfter: duration('autoPromoteAfter', '10m').optional().meta({
    description:
      'Absent: a person promotes. 0s: as soon as everything before it passed.',
  }),
  scaleDownDelay,
  preAnalysis: analysis
    .optional()
    .meta({ description: 'Before the switch, on the preview.' }),
  postAnalysis: analysis.optional().meta({ description: 'After the switch.' }),
  metrics: metrics.optional().meta({
    description: 'What an analysis measures that names no metrics of its own.',
  }),
  rollbackWindow,
}).superRefine((value, context) => {
  for (const side of ['preAnalysis', 'postAnalysis'] as const) {
    if (value[side] && !value[side].metrics && !value.metrics) {
      context.addIssue({
        code: 'custom',
        path: [side],
        message: 'metrics here or for the whole strategy',
        params: { found: 'an analysis without metrics' },
      });
    }
  }
});

const strategy = oneOf({
  rolling: rolling.optional().meta({ description: 'Batch by batch.' }),
  canary: canary.optional().meta({
    description: 'A growing share of the traffic, judged on the way.',
  }),
  blueGreen: blueGreen.optional().meta({
    description: 'A whole preview beside what serves, then a switch.',
  }),
});

const manifests = oneOf({
  plain: path('plain').optional().meta({
    description: 'A file, or a folder of files, with Kubernetes objects.',
  }),
  kustomize: path('kustomize')
    .optional()
    .meta({ description: 'A folder with a kustomization.' }),
  helm: path('helm').optional().meta({ description: 'A folder with a chart.' }),
});

const workloads = list(
  map({
    name: name('the name of a workload'),
    role: choice(['progressive', 'rolling']).meta({
      description:
        'progressive: follows the strategy. rolling: is replaced with it.',
    }),
  }),
  'workloads',
  { max: 50 },
);

const common = {
  deploy: choice(['automatic', 'manual']).optional().meta({
    description:
      'automatic: as soon as a release is ready and `after` is met. Default: manual.',
  }),
  manifests: manifests.optional().meta({
    description: 'Where the manifests lie. Default: the folder `deploy`.',
  }),
  workloads: workloads.optional(),
  progressDeadline: duration('progressDeadline', '10m', {
    min: '1s',
    max: '1d',
  })
    .optional()
    .meta({
      description:
        'How long a step may make no progress before it fails. Default: 10m.',
    }),
  strategy: strategy.optional().meta({ description: 'Default: rolling.' }),
};

const environment = map({
  ref: name('the name of an environment').meta({
    description: 'An environment of the platform.',
  }),
  ...common,
  after: list(
    map({
      ref: name('the name of an environment'),
      healthyFor: duration('healthyFor', '1m').optional().meta({
        description: 'How long it has to be healthy there. Default: 30s.',
      }),
    }),
    'conditions',
    { max: 20 },
  )
    .optional()
    .meta({ description: 'Where a release has to be healthy first.' }),
});

const REPOSITORY_PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';

const image = map({
  name: name('the name of an image').meta({
    description: 'What manifests write: `image: app`.',
  }),
  repository: text(
    'a repository name of a registry without host and tag, such as storefront/checkout',
    new RegExp(`^${REPOSITORY_PART}(?:/${REPOSITORY_PART})*$`),
    200,
  ).meta({ description: 'Repository in the registry, without host and tag.' }),
  build: map({
    context: path('context')
      .optional()
      .meta({ description: 'Default: the root of the repository.' }),
    dockerfile: path('dockerfile').optional().meta({
      description: 'Absent: a Node service that is laid out without one.',
    }),
    target: text(
      'the name of a stage',
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
      128,
    ).optional(),
    args: z
      .record(
        text('the name of a build argument', /^[A-Za-z_][A-Za-z0-9_]*$/, 128),
        text(
          'a text; quote numbers and booleans',
          /^(?:[\t\n]|\P{Cc})*$/u,
          4_096,
        ),
        { error: 'a map of names to texts' },
      )
      .optional()
      .meta({ description: 'Build arguments. Never secrets.' }),
  }).optional(),
});

const policy = map({
  block: list(
    map({
      severity: choice(['critical', 'high', 'medium', 'low', 'unknown']).meta({
        description: 'This severity and what is worse.',
      }),
      fixable: z
        .boolean({ error: 'true or false' })
        .optional()
        .meta({ description: 'Absent: whether or not a fix exists.' }),
    }),
    'rules',
    { min: 1, max: 50 },
  ),
});

/** The form of a `delivery.yaml` document, as people write it. @public */
export const deliveryV1alpha1 = map({
  apiVersion: z.literal(V1ALPHA1, { error: V1ALPHA1 }),
  kind: z.literal('Delivery', { error: 'Delivery' }),
  metadata: map({
    name: entityName('the name of the component in the catalog'),
  })
    .optional()
    .meta({ description: 'Needed when the file has several documents.' }),
  source: map({
    paths: list(path('a glob of paths'), 'paths', { min: 1, max: 200 }),
  })
    .optional()
    .meta({ description: 'What belongs to the service. Default: everything.' }),
  images: list(image, 'images', { min: 1, max: 20 }),
  defaults: map(common).optional().meta({
    description: 'For every environment that does not say otherwise.',
  }),
  policy: policy
    .optional()
    .meta({ description: "Adds to the platform's policy." }),
  environments: list(environment, 'environments', { min: 1, max: 50 }),
});

/** @public */
export type DeliveryFileV1alpha1 = z.infer<typeof deliveryV1alpha1>;
