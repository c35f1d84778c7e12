import {
  Amount,
  AnalysisModel,
  CanaryStepModel,
  DefinitionModel,
  DeliveryFileV1alpha1,
  deliveryV1alpha1,
  EnvironmentModel,
  KNOWN_METRICS,
  KnownMetric,
  ManifestsModel,
  MetricModel,
  parseDuration,
  parsePercent,
  readThreshold,
  StrategyModel,
  V1ALPHA1,
} from '@slipway/backstage-plugin-delivery-common';
import { checkEnvironments } from '../environmentRules';
import { checkMetrics } from '../metricRules';
import { DefinitionVersion } from './types';
import { placeOf } from './v1alpha1Places';

type EnvironmentFile = DeliveryFileV1alpha1['environments'][number];
type StrategyFile = NonNullable<EnvironmentFile['strategy']>;
type CanaryFile = NonNullable<StrategyFile['canary']>;
type BlueGreenFile = NonNullable<StrategyFile['blueGreen']>;
type MetricFile = NonNullable<CanaryFile['metrics']>[number];
type AnalysisFields = Pick<
  NonNullable<BlueGreenFile['preAnalysis']>,
  'interval' | 'extend' | 'metrics'
>;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

const DEFAULTS = {
  paths: ['**'],
  context: '.',
  deploy: 'manual',
  manifests: { renderer: 'plain', path: 'deploy' },
  progressDeadlineMs: 10 * MINUTE_MS,
  hookDeadlineMs: 10 * MINUTE_MS,
  healthyForMs: 30 * SECOND_MS,
  maxSurge: { percent: 25 },
  maxUnavailable: { count: 0 },
  scaleDownDelayMs: 30 * SECOND_MS,
  rollbackWindow: 0,
  noData: 'inconclusive',
  failureLimit: 0,
  consecutiveErrorLimit: 4,
} as const;

/** Texts that the schema has accepted; so this never happens. */
function sure<T>(value: T | undefined, text: unknown): T {
  if (value === undefined) {
    throw new Error(`The schema accepted "${text}", which has no value`);
  }
  return value;
}

const milliseconds = (text: string) => sure(parseDuration(text), text);
const percent = (text: string) => sure(parsePercent(text), text);

function amount(value: string | number): Amount {
  return typeof value === 'number'
    ? { count: value }
    : { percent: percent(value) };
}

function metric(
  file: MetricFile,
  metricsKnown: readonly KnownMetric[],
): MetricModel {
  const known = sure(
    metricsKnown.find(candidate => candidate.name === file.name),
    file.name,
  );
  const bound = (value: string | number) =>
    sure(readThreshold(value, known.unit), value);
  return {
    name: file.name,
    unit: known.unit,
    ...(file.min !== undefined && { min: bound(file.min) }),
    ...(file.max !== undefined && { max: bound(file.max) }),
    minSamples: file.minSamples ?? known.minSamples,
    noData: file.noData ?? DEFAULTS.noData,
    failureLimit: file.failureLimit ?? DEFAULTS.failureLimit,
    consecutiveErrorLimit:
      file.consecutiveErrorLimit ?? DEFAULTS.consecutiveErrorLimit,
  };
}

/** `durationMs` 0: for as long as the rollout goes, as in the background. */
function analysis(
  file: AnalysisFields,
  durationMs: number,
  metrics: MetricFile[] | undefined,
  known: readonly KnownMetric[],
): AnalysisModel {
  const sixthMs = Math.round(durationMs / 6 / SECOND_MS) * SECOND_MS;
  const defaultIntervalMs =
    durationMs === 0
      ? 10 * SECOND_MS
      : Math.min(MINUTE_MS, Math.max(SECOND_MS, sixthMs));
  return {
    durationMs,
    intervalMs: file.interval ? milliseconds(file.interval) : defaultIntervalMs,
    extendMs: file.extend
      ? milliseconds(file.extend)
      : Math.max(MINUTE_MS, durationMs),
    metrics: (file.metrics ?? metrics ?? []).map(entry => metric(entry, known)),
  };
}

function canaryStep(
  step: CanaryFile['steps'][number],
  metrics: MetricFile[] | undefined,
  known: readonly KnownMetric[],
): CanaryStepModel {
  if (step.weight !== undefined) {
    return { type: 'weight', percent: percent(step.weight) };
  }
  if (step.route) {
    return {
      type: 'route',
      headers: step.route.headers.map(({ name, value }) => ({
        name: name.toLowerCase(),
        value,
      })),
    };
  }
  if (step.mirror !== undefined) {
    return { type: 'mirror', percent: percent(step.mirror) };
  }
  if (step.analysis) {
    return {
      type: 'analysis',
      analysis: analysis(
        step.analysis,
        milliseconds(step.analysis.duration),
        metrics,
        known,
      ),
    };
  }
  return {
    type: 'pause',
    ...(step.pause?.duration && {
      durationMs: milliseconds(step.pause.duration),
    }),
  };
}

function canary(
  file: CanaryFile,
  known: readonly KnownMetric[],
): StrategyModel {
  const { background } = file;
  return {
    type: 'canary',
    steps: file.steps.map(step => canaryStep(step, file.metrics, known)),
    ...(background && {
      background: {
        ...analysis(background, 0, file.metrics, known),
        startingStep: (background.startingStep ?? 1) - 1,
      },
    }),
    scaleDownDelayMs: file.scaleDownDelay
      ? milliseconds(file.scaleDownDelay)
      : DEFAULTS.scaleDownDelayMs,
    rollbackWindow: file.rollbackWindow ?? DEFAULTS.rollbackWindow,
  };
}

function blueGreen(
  file: BlueGreenFile,
  known: readonly KnownMetric[],
): StrategyModel {
  const judged = (side: BlueGreenFile['preAnalysis']) =>
    side && analysis(side, milliseconds(side.duration), file.metrics, known);
  const preAnalysis = judged(file.preAnalysis);
  const postAnalysis = judged(file.postAnalysis);
  return {
    type: 'blueGreen',
    ...(file.previewReplicas !== undefined && {
      previewReplicas: file.previewReplicas,
    }),
    ...(file.autoPromoteAfter && {
      autoPromoteAfterMs: milliseconds(file.autoPromoteAfter),
    }),
    scaleDownDelayMs: file.scaleDownDelay
      ? milliseconds(file.scaleDownDelay)
      : DEFAULTS.scaleDownDelayMs,
    ...(preAnalysis && { preAnalysis }),
    ...(postAnalysis && { postAnalysis }),
    rollbackWindow: file.rollbackWindow ?? DEFAULTS.rollbackWindow,
  };
}

function strategy(
  file: StrategyFile | undefined,
  known: readonly KnownMetric[],
): StrategyModel {
  if (file?.canary) {
    return canary(file.canary, known);
  }
  if (file?.blueGreen) {
    return blueGreen(file.blueGreen, known);
  }
  const rolling = file?.rolling;
  return {
    type: 'rolling',
    maxSurge:
      rolling?.maxSurge === undefined
        ? DEFAULTS.maxSurge
        : amount(rolling.maxSurge),
    maxUnavailable:
      rolling?.maxUnavailable === undefined
        ? DEFAULTS.maxUnavailable
        : amount(rolling.maxUnavailable),
  };
}

function manifests(file: EnvironmentFile['manifests']): ManifestsModel {
  for (const renderer of ['plain', 'kustomize', 'helm'] as const) {
    const path = file?.[renderer];
    if (path !== undefined) {
      return { renderer, path: trimPath(path) };
    }
  }
  return DEFAULTS.manifests;
}

/** `deploy/` and `deploy` are the same folder. */
function trimPath(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function environment(
  file: EnvironmentFile,
  defaults: DeliveryFileV1alpha1['defaults'],
  known: readonly KnownMetric[],
): EnvironmentModel {
  const progressDeadline = file.progressDeadline ?? defaults?.progressDeadline;
  const hooks = file.hooks ?? defaults?.hooks ?? [];
  return {
    ref: file.ref,
    deploy: file.deploy ?? defaults?.deploy ?? DEFAULTS.deploy,
    manifests: manifests(file.manifests ?? defaults?.manifests),
    workloads: file.workloads ?? defaults?.workloads ?? [],
    after: (file.after ?? []).map(({ ref, healthyFor }) => ({
      ref,
      healthyForMs: healthyFor
        ? milliseconds(healthyFor)
        : DEFAULTS.healthyForMs,
    })),
    progressDeadlineMs: progressDeadline
      ? milliseconds(progressDeadline)
      : DEFAULTS.progressDeadlineMs,
    strategy: strategy(file.strategy ?? defaults?.strategy, known),
    ...(hooks.length > 0 && {
      hooks: hooks.map(({ job, at, deadline }) => ({
        job,
        at,
        deadlineMs: deadline ? milliseconds(deadline) : DEFAULTS.hookDeadlineMs,
      })),
    }),
  };
}

function toModel(
  file: DeliveryFileV1alpha1,
  context: { name: string; environments: string[] },
  known: readonly KnownMetric[],
): DefinitionModel {
  return {
    apiVersion: V1ALPHA1,
    name: context.name,
    source: { paths: file.source?.paths ?? [...DEFAULTS.paths] },
    images: file.images.map(({ name, repository, build }) => ({
      name,
      repository,
      build: {
        context: trimPath(build?.context ?? DEFAULTS.context),
        ...(build?.dockerfile && { dockerfile: build.dockerfile }),
        ...(build?.target && { target: build.target }),
        args: build?.args ?? {},
      },
    })),
    policy: { block: file.policy?.block ?? [] },
    environments: file.environments
      .map(entry => environment(entry, file.defaults, known))
      .sort(
        (a, b) =>
          context.environments.indexOf(a.ref) -
          context.environments.indexOf(b.ref),
      ),
  };
}

/** `delivery.slipway.dev/v1alpha1` */
export const v1alpha1: DefinitionVersion = {
  apiVersion: V1ALPHA1,
  schema: deliveryV1alpha1,
  placeOf,
  convert(value, context) {
    const known = [...KNOWN_METRICS, ...(context.metrics ?? [])];
    const complaints = [
      ...checkEnvironments(value, context.environments),
      ...checkMetrics(value, known),
    ];
    const parsed = deliveryV1alpha1.safeParse(value);
    // The caller reports what the schema says; here it only stops us.
    return complaints.length > 0 || !parsed.success
      ? { complaints }
      : { model: toModel(parsed.data, context, known) };
  },
};
