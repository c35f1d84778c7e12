import {
  amount,
  duration,
  list,
  map,
  oneOf,
  percent,
  text,
  whole,
} from './fields';
import { metrics } from './metricFields';
import { parsePercent } from './units';

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

const header = map({
  name: text(
    'name: the name of a header other than host, such as x-canary',
    /^(?![Hh][Oo][Ss][Tt]$)[A-Za-z0-9!#$%&'*+.^_|~-]+$/,
  ).meta({ description: 'In any case.' }),
  value: text(
    'value: the whole value of the header, printable',
    /^[!-~](?:[ -~]*[!-~])?$/,
    1_000,
  ).meta({ description: 'Exactly this value.' }),
});

const route = map({
  headers: list(header, 'headers', { max: 16 })
    .superRefine((value, context) => {
      value.forEach(({ name }, index) => {
        const same = (other: { name: string }) =>
          other.name.toLowerCase() === name.toLowerCase();
        if (value.findIndex(same) < index) {
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: 'each header once',
            params: { found: `"${name}" a second time` },
          });
        }
      });
    })
    .meta({
      description:
        'A request must carry all of them. An empty list ends the route.',
    }),
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
  route: route.optional().meta({
    description:
      'Requests with these headers go to the candidate, whatever its weight, until another route, the promotion or the way back.',
  }),
  mirror: percent('mirror', '20%').optional().meta({
    description:
      'The candidate also gets copies of this share of the requests, and its answers to them are thrown away. 0%: no more.',
  }),
});

const canary = map({
  steps: list(step, 'steps', { min: 1, max: 50 }).superRefine(
    (value, context) => {
      let reached = -1;
      let mirrored = 0;
      let routed = false;
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
        } else if (entry.route) {
          const ends = entry.route.headers.length === 0;
          if (ends && !routed) {
            context.addIssue({
              code: 'custom',
              path: [index, 'route', 'headers'],
              message: 'the headers of a route, as there is none to end',
              params: { found: 'an empty list' },
            });
          }
          routed = !ends;
        } else if (entry.mirror !== undefined) {
          const share = parsePercent(entry.mirror) ?? 0;
          const weight = Math.max(0, reached);
          if (share === 0 && mirrored === 0) {
            context.addIssue({
              code: 'custom',
              path: [index, 'mirror'],
              message: 'a share above 0%, as nothing is mirrored yet',
            });
          } else if (share + weight > 100) {
            context.addIssue({
              code: 'custom',
              path: [index, 'mirror'],
              message: `at most ${
                100 - weight
              }%, as the candidate gets ${weight}% of the requests already`,
            });
          }
          mirrored = share;
        } else if (
          entry.analysis &&
          reached <= 0 &&
          mirrored === 0 &&
          !routed
        ) {
          context.addIssue({
            code: 'custom',
            path: [index, 'analysis'],
            message:
              'a step with a weight, a route or a mirror before an analysis',
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

/** Exactly one way to bring a release to its instances. */
export const strategy = oneOf({
  rolling: rolling.optional().meta({ description: 'Batch by batch.' }),
  canary: canary.optional().meta({
    description: 'A growing share of the traffic, judged on the way.',
  }),
  blueGreen: blueGreen.optional().meta({
    description: 'A whole preview beside what serves, then a switch.',
  }),
});
