import { z } from 'zod/v4';
import {
  choice,
  duration,
  entityName,
  list,
  map,
  name,
  oneOf,
  path,
  text,
} from './fields';
import { strategy } from './strategyFields';

/** @public */
export const V1ALPHA1 = 'delivery.slipway.dev/v1alpha1';

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

const hooks = list(
  map({
    job: name('the name of a Job').meta({
      description: 'A Job among the manifests; it runs once.',
    }),
    at: choice(['before', 'after']).meta({
      description:
        'before: before anything of the new release starts. after: when it carries all the traffic, before it is promoted.',
    }),
    deadline: duration('deadline', '10m', { min: '1s', max: '1d' })
      .optional()
      .meta({
        description:
          'How long it may take; past it the release has failed. Default: 10m.',
      }),
  }),
  'hooks',
  { max: 10 },
).superRefine((value, context) => {
  value.forEach(({ job, at }, index) => {
    if (value.findIndex(it => it.job === job && it.at === at) < index) {
      context.addIssue({
        code: 'custom',
        path: [index, 'job'],
        message: 'each job once at each place',
        params: { found: `"${job}" ${at} a second time` },
      });
    }
  });
});

const common = {
  deploy: choice(['automatic', 'manual']).optional().meta({
    description:
      'automatic: as soon as a release is ready and `after` is met. Default: manual.',
  }),
  manifests: manifests.optional().meta({
    description: 'Where the manifests lie. Default: the folder `deploy`.',
  }),
  workloads: workloads.optional(),
  hooks: hooks.optional().meta({
    description:
      'Jobs of the manifests that run once for each deployment, such as a migration.',
  }),
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
