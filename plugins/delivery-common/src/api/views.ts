import {
  Command,
  CommitInfo,
  DefinitionModel,
  Deployment,
  Digest,
  Drift,
  GenerationRole,
  GiveBackProgress,
  Health,
  Hold,
  InstanceState,
  LogNovelty,
  Measurement,
  AnalysisVerdict,
  Observed,
  Reason,
  Release,
  ServiceRef,
  TargetCause,
  TargetRecord,
  TimelineEvent,
  TrafficPoint,
  TrafficState,
  WorkloadsState,
} from '../model';

/** A page of a keyset-paged list. @public */
export interface Page<T> {
  items: T[];
  nextCursor?: string;
}

/** @public */
export interface ServiceSummary {
  ref: ServiceRef;
  title: string;
  owner?: string;
  system?: string;
  /** Set when the delivery definition of the default branch cannot be used. */
  definitionError?: DefinitionProblem;
}

/** Where a bad definition is bad. Lines and columns start at 1. @public */
export interface DefinitionProblem {
  file: string;
  line?: number;
  column?: number;
  /** `environments[0].strategy.canary.steps[1].weight` */
  path?: string;
  expected: string;
  found: string;
  hint?: string;
}

/** What the platform says about an environment. @public */
export interface EnvironmentView {
  name: string;
  title: string;
  tier: string;
  connection: { type: string; name: string };
  automation: boolean;
  queue: 'queue' | 'supersede' | 'reject';
  /** What is done about what others change: it is told, or put right as well. */
  drift: 'tell' | 'repair';
  /** Things a person must know: "isolates nothing". */
  notices: string[];
}

/** One box of the pipeline: a service in an environment, as it is now. @public */
export interface TargetView {
  service: ServiceRef;
  environment: EnvironmentView;
  stable?: GenerationRole & {
    version: string;
    commitSha: string;
    promotedAtMs?: number;
  };
  hold?: Hold;
  /** The environment is being given back; see `TargetRecord.giveBack`. */
  givingBack?: GiveBackProgress;
  /** It was given back, and nothing of ours is stable here since. */
  givenBack?: NonNullable<TargetRecord['givenBack']>;
  active?: Deployment;
  queued: Deployment[];
  last?: Deployment;
  health: { status: Health; causes: string[] };
  workloads: Observed<WorkloadsState>;
  traffic: Observed<TrafficState>;
  /**
   * What is wrong or in the way here and is no single instance's, what breaks
   * most first. Absent: the environment's connection does not tell.
   */
  causes?: Observed<TargetCause[]>;
  /** Live rates of each track of late, for the box's numbers. */
  tracks: TrackMetrics[];
  verdicts: AnalysisVerdict[];
  drift: DriftView;
  operations: OperationView[];
  /** Which verbs the caller may use now; the others with the reason. */
  verbs: Record<string, { allowed: boolean; reason?: string }>;
  rowVersion: number;
}

/**
 * What is not as it was deployed, and what is done about it; see also
 * `EnvironmentView.drift`.
 *
 * @public
 */
export interface DriftView {
  /** What others have changed at rest, as the engine saw it last. */
  found: DriftFinding[];
  /** Instances that run other bytes than their release. */
  instances: Array<{
    instance: string;
    image: string;
    expected: Digest;
    found: Digest;
  }>;
  /** When it was put right by itself within the last hour; oldest first. */
  repairedAtMs: number[];
  /** It is being put right, since then. */
  repairingSinceMs?: number;
  /** Why it is not put right by itself any more: a person decides. */
  left?: Reason;
}

/** Something that others have changed. @public */
export interface DriftFinding extends Drift {
  /** Since when it is like that, or was seen first. */
  sinceMs: number;
  /** What happens to it by itself, or what a person can do. */
  action: string;
}

/** @public */
export interface TrackMetrics {
  track: string;
  generation: string;
  windowMs: number;
  requests?: number;
  requestsPerSecond?: number;
  successRatio?: number;
  latencyP95Ms?: number;
}

/** An optional verb that the environment's connection offers. @public */
export interface OperationView {
  id: string;
  title: string;
  description: string;
  /** For switches: what it is now. */
  on?: boolean;
  destructive: boolean;
  /** What it must be told, in the order in which people are asked. */
  arguments?: OperationArgument[];
  /** Why it cannot be used now: "HorizontalPodAutoscaler/checkout decides". */
  unavailable?: string;
}

/** Something that an operation must be told. @public */
export interface OperationArgument {
  /** Its name among the arguments. */
  name: string;
  title: string;
  type: 'integer';
  min?: number;
  max?: number;
  /** What it is now; people begin with it. */
  current?: number;
}

/** Everything the Delivery tab needs, in one answer. @public */
export interface ServiceOverview {
  service: ServiceSummary;
  targets: TargetView[];
  /** Releases that are being made, newest first, and the last finished one. */
  releases: Release[];
  permissions: {
    /** `delivery.permissions.allowDisabled`: verbs work even with permissions off. */
    allowDisabled: boolean;
    /** Backstage's `permission.enabled`; absent from older backends. */
    enabled?: boolean;
  };
}

/** @public */
export interface DeploymentDetail {
  deployment: Deployment;
  release?: Release;
  target: Pick<TargetRecord, 'stable' | 'draining' | 'desired'>;
  verdicts: AnalysisVerdict[];
  events: TimelineEvent[];
  pendingCommands: Command[];
  verbs: Record<string, { allowed: boolean; reason?: string }>;
  /**
   * What applying this deployment's Plan again, as a rollback does, would not
   * bring back: a sentence for each secret and the like that it only refers to.
   */
  notRestorable: string[];
  /**
   * What the manifests say and this environment does not do, a line each:
   * "HorizontalPodAutoscaler: ignored". Empty as long as no Plan was made.
   */
  ignored: string[];
  /**
   * What the new version logged and stable did not, once it failed or waits for
   * a person. Only for who may read the service's logs.
   */
  newInCanary?: LogNovelty;
  /** Asked and measured shares from its start on, oldest first; thinned. */
  traffic?: TrafficPoint[];
}

/** @public */
export interface ReleaseDetail {
  release: Release;
  /** The resolved definition, as it will be used. */
  definition?: DefinitionModel;
  definitionProblems: DefinitionProblem[];
  deployments: Deployment[];
  verbs: Record<string, { allowed: boolean; reason?: string }>;
}

/** @public */
export interface MeasurementsView {
  measurements: Measurement[];
  verdicts: AnalysisVerdict[];
}

/** A bounded part of a log; poll again from `nextOffset`. @public */
export interface LogChunk {
  lines: LogLine[];
  nextOffset: string;
  /** Nothing more will come. */
  ended: boolean;
  /** Lines that were dropped before the first one. */
  dropped?: number;
}

/** @public */
export interface LogLine {
  atMs: number;
  text: string;
  stream?: 'stdout' | 'stderr' | 'system';
  instance?: string;
  /** Which of the instance's containers wrote it; absent where it has one. */
  container?: string;
  /** The role that the instance had when it wrote the line. */
  track?: string;
  /** Which running copy wrote it; stays true when roles have changed. */
  generation?: string;
  /** The release of the generation, and its version, where that is known. */
  releaseId?: string;
  version?: string;
}

/** @public */
export interface CommitView extends CommitInfo {
  /** The newest release of this commit, when there is one. */
  releaseId?: string;
  releaseStatus?: Release['status'];
}

/** A hint that something changed; the client fetches what it shows of it. @public */
export interface ChangeEvent {
  /** Opaque; send back as `Last-Event-ID` to resume. */
  id: string;
  kind: 'service' | 'target' | 'release' | 'deployment' | 'instances' | 'reset';
  subject: string;
  service?: ServiceRef;
  version?: number;
  /** For `instances`: the state itself, so that no fetch is needed. */
  instances?: Observed<InstanceState[]>;
  /** For `instances`, where the connection tells: see `TargetView.causes`. */
  causes?: Observed<TargetCause[]>;
}
