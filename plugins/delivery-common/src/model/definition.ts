/**
 * The internal model of a delivery definition: every `apiVersion` converts to
 * this, every default is filled in, every unit is resolved (durations to
 * milliseconds, percentages to 0..100, ratios to 0..1).
 *
 * @public
 */
export interface DefinitionModel {
  /** The `apiVersion` the file was written in. */
  apiVersion: string;
  /** The catalog name of the component the document belongs to. */
  name: string;
  /** Path globs, relative to the repository root, that belong to the service. */
  source: { paths: string[] };
  images: ImageModel[];
  /** What the repository adds to the platform's policy. */
  policy: { block: PolicyRule[] };
  /** In promotion order. */
  environments: EnvironmentModel[];
}

/** @public */
export interface ImageModel {
  /** The name that manifests use: `image: app`. */
  name: string;
  /** Repository in the registry, without host and tag. */
  repository: string;
  build: BuildModel;
}

/** Paths are relative to the repository root. @public */
export interface BuildModel {
  context: string;
  /** Absent: a Node service that the builder lays out by itself. */
  dockerfile?: string;
  target?: string;
  args: Record<string, string>;
}

/** @public */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'unknown';

/** Findings that match are blocking. `fixable` undefined: either. @public */
export interface PolicyRule {
  severity: Severity;
  fixable?: boolean;
}

/** @public */
export interface EnvironmentModel {
  ref: string;
  deploy: 'automatic' | 'manual';
  manifests: ManifestsModel;
  workloads: Array<{ name: string; role: 'progressive' | 'rolling' }>;
  /** Conditions on other environments before an automatic deployment starts. */
  after: Array<{ ref: string; healthyForMs: number }>;
  /** How long a step may make no progress before it fails. */
  progressDeadlineMs: number;
  strategy: StrategyModel;
  /** Jobs of the manifests that run once for each deployment, in this order. */
  hooks?: HookModel[];
}

/** @public */
export interface HookModel {
  /** The name of a Job among the manifests. */
  job: string;
  /**
   * `before` anything of the new release starts; `after` it carries all the
   * traffic, and before it is promoted.
   */
  at: 'before' | 'after';
  /** How long it may take; past it the release has failed. */
  deadlineMs: number;
}

/** @public */
export interface ManifestsModel {
  renderer: 'plain' | 'kustomize' | 'helm';
  /** File or folder, relative to the repository root. */
  path: string;
}

/** @public */
export type StrategyModel = RollingModel | BlueGreenModel | CanaryModel;

/** Counts are absolute (`4`) or a share of the wanted replicas (`25%`). @public */
export interface RollingModel {
  type: 'rolling';
  maxSurge: Amount;
  maxUnavailable: Amount;
}

/** @public */
export type Amount = { count: number } | { percent: number };

/** @public */
export interface BlueGreenModel {
  type: 'blueGreen';
  /** Absent: as many as stable has. */
  previewReplicas?: number;
  /** Absent: a person promotes. `0`: as soon as everything before it passed. */
  autoPromoteAfterMs?: number;
  scaleDownDelayMs: number;
  preAnalysis?: AnalysisModel;
  postAnalysis?: AnalysisModel;
  rollbackWindow: number;
}

/** @public */
export interface CanaryModel {
  type: 'canary';
  steps: CanaryStepModel[];
  /** Runs beside the steps from `startingStep` on. */
  background?: AnalysisModel & { startingStep: number };
  scaleDownDelayMs: number;
  /** Going back to one of this many last promoted releases skips the steps; 0 = off. */
  rollbackWindow: number;
}

/** @public */
export type CanaryStepModel =
  | { type: 'weight'; percent: number }
  /** Without a duration: until a person promotes. */
  | { type: 'pause'; durationMs?: number }
  | { type: 'analysis'; analysis: AnalysisModel }
  /** Requests with all of these headers go to the candidate; none: no more. */
  | { type: 'route'; headers: HeaderMatch[] }
  /** The candidate also gets copies of this share of the requests; 0: no more. */
  | { type: 'mirror'; percent: number };

/** A header with exactly this value; names in lower case. @public */
export interface HeaderMatch {
  name: string;
  value: string;
}

/** @public */
export interface AnalysisModel {
  /** How long to measure at least before a pass. */
  durationMs: number;
  /** Distance between two measurements. */
  intervalMs: number;
  metrics: MetricModel[];
  /** How long past `durationMs` to wait for samples before it is inconclusive. */
  extendMs: number;
}

/** @public */
export interface MetricModel {
  /** A metric that the environment's provider knows: `success-rate`, `latency-p95`... */
  name: string;
  unit: 'ratio' | 'milliseconds' | 'count';
  /** The value must not be below. */
  min?: number;
  /** The value must not be above. */
  max?: number;
  /** Fewer samples than this decide nothing. */
  minSamples: number;
  /** What a window without data means. `extend` keeps on measuring. */
  noData: 'inconclusive' | 'pass' | 'fail' | 'extend';
  /** Failing measurements that are tolerated. */
  failureLimit: number;
  /** Errors in a row of the provider before the verdict is `error`. */
  consecutiveErrorLimit: number;
}
