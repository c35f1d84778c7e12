/**
 * Realistic answers of the API, one builder for each state that a screen has.
 * Times are relative to {@link NOW}, so that tests say "two hours ago".
 */
import {
  AnalysisModel,
  AnalysisVerdict,
  CommitView,
  Deployment,
  DeploymentDetail,
  EnvironmentView,
  Finding,
  GenerationRole,
  InstanceState,
  Measurement,
  MeasurementsView,
  Reason,
  Release,
  ReleaseDetail,
  RolloutState,
  STAGE_ORDER,
  ServiceOverview,
  StepModel,
  StepStatus,
  TargetView,
  TimelineEvent,
} from '@slipway/backstage-plugin-delivery-common';

export const NOW = Date.now();
export const SERVICE = 'component:default/checkout';
export const DIGEST_172 = `sha256:${'17a2'.repeat(16)}`;
export const DIGEST_180 = `sha256:${'9be1'.repeat(16)}`;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const STAGING: EnvironmentView = {
  name: 'staging',
  title: 'Staging',
  tier: 'staging',
  connection: { type: 'local', name: 'default' },
  automation: true,
  queue: 'supersede',
  notices: ['The embedded default isolates nothing: services run as this user'],
};

export const PRODUCTION: EnvironmentView = {
  ...STAGING,
  name: 'production',
  title: 'Production',
  tier: 'production',
};

export function generation(
  name: string,
  digest: string,
  overrides: Partial<GenerationRole> = {},
): GenerationRole {
  return {
    generation: name,
    planId: `plan-${name}`,
    releaseId: name === 'g172' ? 'release-172' : 'release-180',
    deploymentId: `deployment-${name}`,
    digests: { app: digest },
    replicas: 4,
    ...overrides,
  };
}

export const STABLE_172 = {
  ...generation('g172', DIGEST_172),
  version: 'v1.7.2',
  commitSha: '77aa01f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6',
  promotedAtMs: NOW - 48 * HOUR,
};

export const STABLE_180 = {
  ...generation('g180', DIGEST_180),
  version: 'v1.8.0',
  commitSha: '3fa1c2e4b5a69788796a5b4c3d2e1f0011223344',
  promotedAtMs: NOW - 2 * HOUR,
};

const ANALYSIS: AnalysisModel = {
  durationMs: 20_000,
  intervalMs: 5_000,
  extendMs: 60_000,
  metrics: [
    {
      name: 'success-rate',
      unit: 'ratio',
      min: 0.99,
      minSamples: 50,
      noData: 'inconclusive',
      failureLimit: 0,
      consecutiveErrorLimit: 3,
    },
  ],
};

const STEPS: StepModel[] = [
  { type: 'weight', percent: 10 },
  { type: 'analysis', analysis: ANALYSIS },
  { type: 'weight', percent: 50 },
  { type: 'pause' },
  { type: 'promote', scaleDownDelayMs: 30_000 },
];

function stepStatus(index: number, current: number): StepStatus {
  if (index < current) {
    return 'done';
  }
  return index === current ? 'active' : 'pending';
}

export function rollout(
  current: number,
  overrides: Partial<RolloutState> = {},
): RolloutState {
  return {
    deploymentId: 'deployment-g180',
    attempt: 1,
    kind: 'deploy',
    strategy: {
      type: 'canary',
      steps: [],
      scaleDownDelayMs: 30_000,
      rollbackWindow: 0,
    },
    candidate: generation('g180', DIGEST_180),
    phase: 'stepping',
    steps: STEPS.map((step, index) => ({
      index,
      step,
      status: stepStatus(index, current),
      startedAtMs:
        index <= current ? NOW - 5 * MINUTE + index * MINUTE : undefined,
      finishedAtMs:
        index < current ? NOW - 4 * MINUTE + index * MINUTE : undefined,
      endsAtMs:
        index === current && step.type === 'analysis'
          ? NOW + 12_000
          : undefined,
      analysisId: step.type === 'analysis' ? 'analysis-1' : undefined,
      verdict: step.type === 'analysis' && index < current ? 'pass' : undefined,
    })),
    stepIndex: current,
    startedAtMs: NOW - 5 * MINUTE,
    progressDeadlineWindowMs: MINUTE,
    analyses: [
      {
        id: 'analysis-1',
        placement: 'step',
        stepIndex: 1,
        analysis: ANALYSIS,
        candidate: 'g180',
        baseline: 'g172',
        startedAtMs: NOW - 4 * MINUTE,
        deadlineMs: NOW + MINUTE,
        status: 'running',
      },
    ],
    ...overrides,
  };
}

export function deployment(overrides: Partial<Deployment> = {}): Deployment {
  return {
    id: 'deployment-g180',
    service: SERVICE,
    environment: 'production',
    releaseId: 'release-180',
    releaseVersion: 'v1.8.0',
    commitSha: STABLE_180.commitSha,
    planId: 'plan-g180',
    kind: 'deploy',
    status: 'progressing',
    cause: 'release v1.8.0 is ready',
    createdBy: { type: 'user', ref: 'user:default/ada' },
    createdAtMs: NOW - 6 * MINUTE,
    startedAtMs: NOW - 5 * MINUTE,
    deadlineMs: NOW + HOUR,
    rollout: rollout(1),
    previousReleaseId: 'release-172',
    rowVersion: 7,
    ...overrides,
  };
}

export function instance(
  id: string,
  of: string,
  digest: string,
  overrides: Partial<InstanceState> = {},
): InstanceState {
  return {
    id,
    generation: of,
    phase: 'running',
    ready: true,
    restarts: 0,
    startedAtMs: NOW - HOUR,
    digests: { app: digest },
    address: '127.0.0.1:31001',
    ...overrides,
  };
}

const ALL_VERBS = [
  'promote',
  'promote-full',
  'skip-step',
  'pause',
  'resume',
  'abort',
  'retry',
  'cancel',
  'deploy',
  'rollback',
  'hold',
  'release-hold',
  'restart',
];

/** Everything is allowed but take-over, and what is named. */
export function verbsExcept(
  denied: Record<string, string> = {},
): TargetView['verbs'] {
  return Object.fromEntries([
    ...ALL_VERBS.map(verb => [
      verb,
      verb in denied
        ? { allowed: false, reason: denied[verb] }
        : { allowed: true },
    ]),
    ['take-over', { allowed: false, reason: 'Nobody else has written here' }],
  ]);
}

/** Staging as wanted: v1.8.0, two instances, the traffic switch on. */
export function healthyTarget(overrides: Partial<TargetView> = {}): TargetView {
  return {
    service: SERVICE,
    environment: STAGING,
    stable: STABLE_180,
    queued: [],
    last: deployment({
      id: 'deployment-staging',
      environment: 'staging',
      status: 'succeeded',
      outcome: 'succeeded',
      finishedAtMs: NOW - 2 * HOUR,
      rollout: undefined,
    }),
    health: { status: 'healthy', causes: [] },
    workloads: {
      known: {
        generations: [
          {
            generation: 'g180',
            planId: 'plan-g180',
            wanted: 2,
            ready: 2,
            instances: [
              instance('checkout-1', 'g180', DIGEST_180),
              instance('checkout-2', 'g180', DIGEST_180),
            ],
          },
        ],
      },
      observedAtMs: NOW,
      reflects: 3,
    },
    traffic: {
      known: {
        accepted: [{ generation: 'g180', percent: 100 }],
        address: 'http://127.0.0.1:8300',
      },
      observedAtMs: NOW,
      reflects: 3,
    },
    tracks: [],
    verdicts: [],
    drift: [],
    operations: [
      {
        id: 'traffic',
        title: 'Example traffic',
        description: 'Sends 20 requests a second to the service',
        on: true,
        destructive: false,
      },
    ],
    verbs: verbsExcept(),
    rowVersion: 3,
    ...overrides,
  };
}

export const RUNNING_VERDICT: AnalysisVerdict = {
  analysisId: 'analysis-1',
  metrics: [
    {
      metric: 'success-rate',
      unit: 'ratio',
      value: 0.997,
      baseline: 0.999,
      samples: 412,
      min: 0.99,
      minSamples: 50,
      verdict: 'pass',
    },
  ],
};

/** Production while v1.8.0 gets 10 % beside v1.7.2. */
export function canaryTarget(overrides: Partial<TargetView> = {}): TargetView {
  return healthyTarget({
    environment: PRODUCTION,
    stable: STABLE_172,
    active: deployment(),
    last: undefined,
    health: { status: 'progressing', causes: [] },
    workloads: {
      known: {
        generations: [
          {
            generation: 'g172',
            planId: 'plan-g172',
            wanted: 4,
            ready: 4,
            instances: [1, 2, 3, 4].map(n =>
              instance(`checkout-old-${n}`, 'g172', DIGEST_172),
            ),
          },
          {
            generation: 'g180',
            planId: 'plan-g180',
            wanted: 1,
            ready: 1,
            instances: [instance('checkout-new-1', 'g180', DIGEST_180)],
          },
        ],
      },
      observedAtMs: NOW,
      reflects: 5,
    },
    traffic: {
      known: {
        accepted: [
          { generation: 'g172', percent: 90 },
          { generation: 'g180', percent: 10 },
        ],
        measured: {
          shares: [
            { generation: 'g172', percent: 90.2 },
            { generation: 'g180', percent: 9.8 },
          ],
          requests: 4120,
          windowMs: 60_000,
        },
      },
      observedAtMs: NOW,
      reflects: 5,
    },
    tracks: [
      {
        track: 'stable',
        generation: 'g172',
        windowMs: 60_000,
        successRatio: 0.999,
        latencyP95Ms: 84,
      },
      {
        track: 'canary',
        generation: 'g180',
        windowMs: 60_000,
        successRatio: 0.997,
        latencyP95Ms: 91,
      },
    ],
    verdicts: [RUNNING_VERDICT],
    operations: [],
    rowVersion: 12,
    ...overrides,
  });
}

export const ROLLBACK_REASON: Reason = {
  code: 'metric-failed',
  message: '6.1 % of canary requests failed (limit 1 %, 412 samples).',
  metric: 'success-rate',
  unit: 'ratio',
  value: 0.939,
  threshold: { min: 0.99 },
  samples: 412,
  action: 'Look at the errors that are new in the canary',
};

export const FAILED_VERDICT: AnalysisVerdict = {
  analysisId: 'analysis-1',
  verdict: 'fail',
  reason: ROLLBACK_REASON,
  metrics: [
    {
      metric: 'success-rate',
      unit: 'ratio',
      value: 0.939,
      baseline: 0.999,
      samples: 412,
      min: 0.99,
      minSamples: 50,
      verdict: 'fail',
      nearestFlip: 'It would have passed at 93.9 % or below',
    },
  ],
};

/** v1.8.0 after its analysis said no. */
export function rolledBackDeployment(): Deployment {
  const state = rollout(1);
  return deployment({
    status: 'rolled-back',
    outcome: 'rolled-back',
    reason: ROLLBACK_REASON,
    finishedAtMs: NOW - 3 * MINUTE,
    rollout: {
      ...state,
      phase: 'finished',
      outcome: 'rolled-back',
      reason: ROLLBACK_REASON,
      steps: state.steps.map(step =>
        step.index === 1
          ? {
              ...step,
              status: 'failed',
              verdict: 'fail',
              finishedAtMs: NOW - 3 * MINUTE,
              endsAtMs: undefined,
              reason: ROLLBACK_REASON,
            }
          : step,
      ),
    },
  });
}

/** Production after the rollback: back on v1.7.2, on hold. */
export function heldTarget(overrides: Partial<TargetView> = {}): TargetView {
  const now = { observedAtMs: NOW, reflects: 9 };
  return canaryTarget({
    active: undefined,
    last: rolledBackDeployment(),
    hold: {
      by: { type: 'plugin', ref: 'plugin:delivery' },
      sinceMs: NOW - 3 * MINUTE,
      reason: 'v1.8.0 was rolled back',
      deploymentId: 'deployment-g180',
    },
    health: { status: 'healthy', causes: [] },
    workloads: {
      ...now,
      known: {
        generations: [
          {
            generation: 'g172',
            planId: 'plan-g172',
            wanted: 4,
            ready: 4,
            instances: [1, 2, 3, 4].map(n =>
              instance(`checkout-old-${n}`, 'g172', DIGEST_172),
            ),
          },
        ],
      },
    },
    traffic: {
      ...now,
      known: { accepted: [{ generation: 'g172', percent: 100 }] },
    },
    verdicts: [FAILED_VERDICT],
    ...overrides,
  });
}

/** Production when its cluster does not answer. */
export function unknownTarget(): TargetView {
  const unknown = {
    unknown: 'the cluster does not answer',
    sinceMs: NOW - 4 * MINUTE,
  };
  return canaryTarget({
    active: undefined,
    health: { status: 'unknown', causes: [] },
    workloads: unknown,
    traffic: unknown,
    tracks: [],
    verdicts: [],
  });
}

export function release(overrides: Partial<Release> = {}): Release {
  return {
    id: 'release-180',
    service: SERVICE,
    commit: {
      sha: STABLE_180.commitSha,
      message: 'Show the delivery date\n\nLonger text.',
      author: 'Ada',
      committedAtMs: NOW - 3 * HOUR,
    },
    version: 'v1.8.0',
    status: 'ready',
    stages: STAGE_ORDER.map((stage, index) => ({
      stage,
      status: 'done',
      attempt: 1,
      startedAtMs: NOW - 3 * HOUR + index * 2_000,
      finishedAtMs: NOW - 3 * HOUR + index * 2_000 + 1_500,
    })),
    images: [
      {
        name: 'app',
        repository: 'storefront/checkout',
        digest: DIGEST_180,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        sizeBytes: 41_200_000,
        reference: `storefront/checkout:v1.8.0@${DIGEST_180}`,
      },
    ],
    findings: {
      counts: { critical: 0, high: 0, medium: 1, low: 2, unknown: 0 },
      blocking: 0,
      accepted: 3,
      notCovered: [],
      scanner: 'embedded',
      databaseUpdatedAtMs: NOW - 20 * HOUR,
    },
    createdBy: { type: 'user', ref: 'user:default/ada' },
    createdAtMs: NOW - 3 * HOUR,
    finishedAtMs: NOW - 3 * HOUR + 14_000,
    rowVersion: 4,
    ...overrides,
  };
}

/** v1.9.0 while its image is being built. */
export function buildingRelease(): Release {
  return release({
    id: 'release-190',
    version: 'v1.9.0',
    status: 'running',
    images: [],
    findings: undefined,
    finishedAtMs: undefined,
    createdAtMs: NOW - 8_000,
    stages: STAGE_ORDER.map((stage, index) => ({
      stage,
      attempt: 1,
      status: (['done', 'done', 'running'] as const)[index] ?? 'pending',
      startedAtMs: index <= 2 ? NOW - 8_000 + index * 1_000 : undefined,
      finishedAtMs: index < 2 ? NOW - 7_000 + index * 1_000 : undefined,
    })),
  });
}

/** A release that the gate stopped. */
export function blockedRelease(): Release {
  const reason: Reason = {
    code: 'findings-blocking',
    message: '1 critical finding blocks: lodash 4.17.20 (GHSA-35jh-r3h4-6jhm)',
    action: 'Upgrade lodash to 4.17.21',
  };
  return release({
    id: 'release-181',
    version: 'v1.8.1',
    status: 'blocked',
    reason,
    findings: {
      counts: { critical: 1, high: 0, medium: 0, low: 0, unknown: 0 },
      blocking: 1,
      accepted: 0,
      notCovered: ['the base image: no package list'],
      scanner: 'embedded',
    },
    stages: release().stages.map(stage => {
      if (stage.stage === 'gate') {
        return { ...stage, status: 'blocked', reason };
      }
      return stage.stage === 'push' || stage.stage === 'attest'
        ? { stage: stage.stage, status: 'pending', attempt: 0 }
        : stage;
    }),
  });
}

export const FINDINGS: Finding[] = [
  {
    id: 'GHSA-35jh-r3h4-6jhm',
    kind: 'vulnerability',
    package: { name: 'lodash', version: '4.17.20' },
    severity: 'critical',
    title: 'Command injection',
    fixedIn: ['4.17.21'],
    image: 'app',
    decision: 'blocking',
    rule: 'production: severity critical',
  },
  {
    id: 'GHSA-29mw-wpgm-hmr9',
    kind: 'vulnerability',
    package: { name: 'lodash', version: '4.17.20' },
    severity: 'medium',
    title: 'Slow regular expression',
    fixedIn: ['4.17.21'],
    image: 'app',
    decision: 'reported',
  },
];

export const COMMITS: CommitView[] = [
  {
    sha: 'c0ffee0011223344556677889900aabbccddeeff',
    message: 'Retry the payment once',
    author: 'Grace',
    committedAtMs: NOW - 10 * MINUTE,
  },
  {
    ...release().commit,
    releaseId: 'release-180',
    releaseStatus: 'ready',
  },
];

export function overview(
  overrides: Partial<ServiceOverview> = {},
): ServiceOverview {
  return {
    service: { ref: SERVICE, title: 'Checkout', owner: 'group:default/shop' },
    targets: [healthyTarget(), canaryTarget()],
    releases: [release()],
    permissions: { allowDisabled: false },
    ...overrides,
  };
}

export function measurements(failing = false): MeasurementsView {
  return {
    measurements: [0, 1, 2, 3].map(
      (index): Measurement => ({
        analysisId: 'analysis-1',
        metric: 'success-rate',
        atMs: NOW - 4 * MINUTE + index * 5_000,
        fromMs: NOW - 5 * MINUTE,
        toMs: NOW - 4 * MINUTE + index * 5_000,
        outcome:
          index === 0
            ? { type: 'no-data' }
            : {
                type: 'value',
                value: failing ? 0.96 - index * 0.007 : 0.997,
                samples: index * 100,
              },
        baseline: { type: 'value', value: 0.999, samples: index * 900 },
        verdict: failing && index > 0 ? 'fail' : 'pass',
        query: 'success-rate{track="canary"}',
      }),
    ),
    verdicts: [failing ? FAILED_VERDICT : RUNNING_VERDICT],
  };
}

export function event(overrides: Partial<TimelineEvent> = {}): TimelineEvent {
  return {
    id: 'event-1',
    atMs: NOW - 4 * MINUTE,
    type: 'weight-set',
    message: 'v1.8.0 gets 10 %',
    level: 'info',
    service: SERVICE,
    environment: 'production',
    ...overrides,
  };
}

export function deploymentDetail(
  shown: Deployment,
  overrides: Partial<DeploymentDetail> = {},
): DeploymentDetail {
  return {
    deployment: shown,
    target: {
      stable: STABLE_172,
      draining: [],
      desired: { revision: 5, generations: [], shares: [] },
    },
    verdicts: [],
    events: [event()],
    pendingCommands: [],
    verbs: verbsExcept(),
    notRestorable: [],
    ...overrides,
  };
}

export function releaseDetail(
  shown: Release,
  overrides: Partial<ReleaseDetail> = {},
): ReleaseDetail {
  return {
    release: shown,
    definition: {
      apiVersion: 'delivery.slipway.dev/v1alpha1',
      name: 'checkout',
      source: { paths: ['services/checkout/**'] },
      images: [],
      policy: { block: [] },
      environments: [],
    },
    definitionProblems: [],
    deployments: [],
    verbs: { cancel: { allowed: true }, retry: { allowed: true } },
    ...overrides,
  };
}
