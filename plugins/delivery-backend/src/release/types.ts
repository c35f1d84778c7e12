import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Actor,
  CommitInfo,
  KnownMetric,
  Release,
  ServiceRef,
  StageName,
  StageState,
} from '@slipway/backstage-plugin-delivery-common';
import {
  ImageBuilder,
  ImageScanner,
  RegistryAccess,
  RegistryClient,
  SourceFetcher,
  StageLog,
} from '@slipway/backstage-plugin-delivery-node';
import { Abilities, EnvironmentConfig } from '../definition';
import { DeliveryStore, Lease, ReleaseRow, StoreTx } from '../store';
import { ReleaseCheckpoint } from './checkpoint';
import { AttemptFolders } from './folders';

export interface ReleaseRunnerOptions {
  store: DeliveryStore;
  fetchers: SourceFetcher[];
  /** The first one that does not refuse builds. */
  builders: ImageBuilder[];
  /** Absent: nothing is released, as nothing could be judged. */
  scanner?: ImageScanner;
  /** Absent: nothing is released, as there is nowhere to push to. */
  registry?: RegistryAccess;
  environments: EnvironmentConfig[];
  /** Metrics that definitions may name beside those that everybody knows. */
  metrics?: readonly KnownMetric[];
  /** By environment: a definition that asks for what one cannot do is refused. */
  connections?: ReadonlyMap<string, Abilities>;
  /** Absolute; workspaces and layouts are made and thrown away below it. */
  workDirectory: string;
  logger: LoggerService;
  /** Called in the transaction that makes the release ready. */
  onReady?: (release: ReleaseRow, tx: StoreTx) => Promise<unknown>;
  clock?: () => number;
  tuning?: Partial<ReleaseTuning>;
}

/** Numbers with good defaults; tests set others. */
export interface ReleaseTuning {
  /** How long a claim is good for without a heart-beat. */
  leaseMs: number;
  /** How often to look for verbs of people while a stage runs. */
  commandPollMs: number;
  /** Waits before a stage that errored is tried again; then a person is asked. */
  retryDelaysMs: number[];
  /** How long a release waits for a person before it is cancelled. */
  erroredWaitMs: number;
  stageLimitsMs: Record<StageName, number>;
  fetchLimits: { maxBytes: number; maxFiles: number };
  logLimits: { maxLines: number; maxBytes: number; maxLineLength: number };
}

export interface CreateReleaseRequest {
  service: ServiceRef;
  /** A branch, tag or (abbreviated) SHA. */
  commit: string;
  actor: Actor;
  /** The same key is the same release. */
  idempotencyKey: string;
}

export interface ReleaseRunner {
  /**
   * Brings a release as far as it gets: to its end, to a wait before another
   * try, or to a question for a person. Keeps the lease alive meanwhile and
   * gives it back. Stops at once, and writes nothing more, when it is lost.
   */
  tick(lease: Lease, signal: AbortSignal): Promise<void>;
  /**
   * Errors: `NotFoundError` (no such service), `InputError` (the reference
   * names nothing, or no fetcher knows the repository).
   */
  createRelease(request: CreateReleaseRequest): Promise<Release>;
  /** Commits of a service's repository, newest first. Errors as above. */
  commits(
    service: ServiceRef,
    options: { ref?: string; limit: number },
  ): Promise<CommitInfo[]>;
}

/** What a stage works with. */
export interface StageContext {
  release: Readonly<ReleaseRow>;
  checkpoint: Readonly<ReleaseCheckpoint>;
  folders: AttemptFolders;
  fetcher: SourceFetcher;
  builders: ImageBuilder[];
  scanner?: ImageScanner;
  registry?: { access: RegistryAccess; client: RegistryClient };
  environments: EnvironmentConfig[];
  /** Metrics that definitions may name beside those that everybody knows. */
  metrics?: readonly KnownMetric[];
  /** By environment: a definition that asks for what one cannot do is refused. */
  connections?: ReadonlyMap<string, Abilities>;
  store: Pick<DeliveryStore, 'blobs' | 'releases' | 'services' | 'targets'>;
  tuning: ReleaseTuning;
  log: StageLog;
  signal: AbortSignal;
  nowMs: () => number;
}

/** What a stage leaves behind; written down together with its end. */
export interface StageResult {
  checkpoint?: Partial<ReleaseCheckpoint>;
  release?: Partial<
    Pick<
      ReleaseRow,
      | 'version'
      | 'commit'
      | 'images'
      | 'findings'
      | 'definition'
      | 'definitionProblems'
      | 'bundleBlob'
      | 'findingsBlob'
      | 'sbomBlobs'
    >
  >;
  facts?: StageState['facts'];
}

export interface Stage {
  readonly name: StageName;
  /** Which caches of the attempt it reads; without them it cannot go on. */
  readonly needs: ReadonlyArray<'workspace' | 'layouts'>;
  /**
   * Throws `StageFailure` or `InputError` when the content is bad,
   * `StageBlocked` when the gate says no; anything else is technical.
   */
  run(context: StageContext): Promise<StageResult>;
}
