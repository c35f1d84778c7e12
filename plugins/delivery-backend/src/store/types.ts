import { Knex } from 'knex';
import {
  Actor,
  Command,
  CommandAnswer,
  DefinitionModel,
  DefinitionProblem,
  Deployment,
  Digest,
  Finding,
  Hold,
  LogNovelty,
  Measurement,
  Page,
  Release,
  ServiceRef,
  ServiceSummary,
  TargetRecord,
  TargetRef,
  TimelineEvent,
  TrafficPoint,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan, PlanReference } from '@slipway/backstage-plugin-delivery-node';
import { TickStore } from './tickTypes';

/** A transaction of the store; passed on, never made elsewhere. */
export type StoreTx = Knex.Transaction;

/**
 * Turns the caller's permission conditions into SQL on a table that has the
 * columns service_ref, owner, system and (targets, deployments) environment,
 * tier. `undefined`: everything.
 */
export type RowFilter = (query: Knex.QueryBuilder) => void;

export interface PageOptions {
  cursor?: string;
  /** 1..200; default 50 */
  limit?: number;
  filter?: RowFilter;
}

export interface ServiceRow extends ServiceSummary {
  repository: string;
  definitionPath: string;
  defaultBranch?: string;
  /** The catalog name that a document in a shared file must carry. */
  name: string;
}

/** Kept per Target; the epoch is raised by the claim. */
export interface TargetRow {
  target: TargetRef;
  tier: string;
  owner?: string;
  system?: string;
  record: TargetRecord;
  rowVersion: number;
  epoch: number;
  hold?: Hold;
  /** Set while the world has a newer epoch than we (restored database). */
  foreignEpoch?: number;
}

/** A claimed unit of work. Every write names it and fails with LeaseLostError when it is lost. */
export interface Lease {
  kind: 'target' | 'release';
  id: string;
  owner: string;
  epoch: number;
  leaseUntilMs: number;
  /** When it had become due, or when the lease of a lost worker ended: how long nobody looked. */
  dueAtMs?: number;
}

export class LeaseLostError extends Error {
  readonly name = 'LeaseLostError';
}

/** Thrown when a row is not at the expected version. */
export class VersionConflictError extends Error {
  readonly name = 'VersionConflictError';
}

export interface ServicesStore {
  upsertMany(rows: ServiceRow[]): Promise<void>;
  /**
   * Takes `refs`, which the catalog no longer has, out of every list; their
   * history and records stay, and come back with `upsertMany`.
   */
  removeMissing(refs: ServiceRef[]): Promise<void>;
  get(ref: ServiceRef): Promise<ServiceRow | undefined>;
  list(
    options: PageOptions & { owner?: string; system?: string },
  ): Promise<Page<ServiceRow>>;
  setDefinitionError(ref: ServiceRef, error?: DefinitionProblem): Promise<void>;
}

export interface ReleaseRow extends Release {
  /** Stage outputs needed to go on after a crash; never secrets. */
  checkpoint: Record<string, unknown>;
  definition?: DefinitionModel;
  definitionProblems: DefinitionProblem[];
  /** Blob of the deploy bundle, findings and SBOM. */
  bundleBlob?: Digest;
  findingsBlob?: Digest;
  sbomBlobs?: Record<string, Digest>;
  idempotencyKey?: string;
}

export interface ReleasesStore {
  /** Idempotent by key: the existing one is returned. Also queues the work item. */
  create(row: ReleaseRow, tx?: StoreTx): Promise<ReleaseRow>;
  get(id: string, tx?: StoreTx): Promise<ReleaseRow | undefined>;
  /** Writes state under the lease, raises rowVersion, writes the feed. */
  save(lease: Lease, row: ReleaseRow, tx?: StoreTx): Promise<ReleaseRow>;
  list(options: PageOptions & { service?: ServiceRef }): Promise<Page<Release>>;
  latestForCommits(
    service: ServiceRef,
    shas: string[],
  ): Promise<Map<string, Release>>;
  /** A Build with the same inputs, if its image is known. */
  findBuild(
    inputsHash: string,
  ): Promise<{ images: Release['images'] } | undefined>;
  saveBuild(inputsHash: string, images: Release['images']): Promise<void>;
  appendLog(
    id: string,
    stage: string,
    lines: Array<{ atMs: number; text: string }>,
  ): Promise<void>;
  readLog(
    id: string,
    stage: string,
    after: number,
    limit: number,
  ): Promise<Array<{ seq: number; atMs: number; text: string }>>;
}

export interface TargetsStore {
  /** Makes the rows for the pairs that do not exist yet; sets owner, system, tier on the others. */
  ensureMany(
    rows: Array<{
      target: TargetRef;
      tier: string;
      owner?: string;
      system?: string;
    }>,
    tx?: StoreTx,
  ): Promise<void>;
  get(target: TargetRef, tx?: StoreTx): Promise<TargetRow | undefined>;
  list(
    options: PageOptions & {
      environment?: string;
      owner?: string;
      system?: string;
      service?: ServiceRef;
      /** Only what waits for a person: a hold, a foreign epoch, paused, errored. */
      attention?: boolean;
    },
  ): Promise<Page<TargetRow>>;
  /** By lease (epoch) and expected rowVersion; writes `record`, `hold` and `foreignEpoch`. */
  save(lease: Lease, row: TargetRow, tx: StoreTx): Promise<TargetRow>;
  /**
   * For people, outside a tick: raises rowVersion (so a tick that has read the
   * row before gets VersionConflictError and starts again), wakes the target.
   * A tick puts the hold into the row that it saves.
   */
  setHold(
    target: TargetRef,
    hold: Hold | undefined,
    tx?: StoreTx,
  ): Promise<void>;
}

/** What is kept beside a deployment, for its page; never in lists. */
export interface DeploymentEvidence {
  /** Oldest first; bounded. */
  traffic: TrafficPoint[];
  logs: LogNovelty;
}

export interface DeploymentsStore {
  /**
   * Idempotent by key within the target (and by id): the existing one is
   * returned. Wakes the target in the same transaction. The target must exist.
   */
  create(
    row: Deployment & { idempotencyKey?: string },
    tx?: StoreTx,
  ): Promise<Deployment>;
  get(id: string, tx?: StoreTx): Promise<Deployment | undefined>;
  save(lease: Lease, row: Deployment, tx: StoreTx): Promise<Deployment>;
  /** Not terminal, oldest first. */
  open(target: TargetRef, tx?: StoreTx): Promise<Deployment[]>;
  last(target: TargetRef): Promise<Deployment | undefined>;
  /**
   * `open` and `last` of many targets at once (at most 200), by
   * `stringifyTarget`: two queries for a whole page. A target that has never
   * had a deployment is there too.
   */
  ofTargets(
    targets: TargetRef[],
  ): Promise<Map<string, { open: Deployment[]; last?: Deployment }>>;
  list(
    options: PageOptions & {
      service?: ServiceRef;
      environment?: string;
      releaseId?: string;
    },
  ): Promise<Page<Deployment>>;
  /** Idempotent by analysis, metric and time. */
  addMeasurements(
    deploymentId: string,
    rows: Measurement[],
    tx?: StoreTx,
  ): Promise<void>;
  measurements(
    deploymentId: string,
    analysisId?: string,
  ): Promise<Measurement[]>;
  /** Replaces what is given, and tells of new evidence of the logs. */
  saveEvidence(
    deploymentId: string,
    evidence: Partial<DeploymentEvidence>,
    tx: StoreTx,
  ): Promise<void>;
  evidence(
    deploymentId: string,
    tx?: StoreTx,
  ): Promise<Partial<DeploymentEvidence>>;
  /** Idempotent by id. */
  addEvents(events: TimelineEvent[], tx?: StoreTx): Promise<void>;
  /** The newest `limit` of them, oldest first. */
  events(options: {
    deploymentId?: string;
    releaseId?: string;
    target?: TargetRef;
    limit: number;
  }): Promise<TimelineEvent[]>;
}

export interface PlansStore {
  put(plan: Plan): Promise<void>;
  get(id: string): Promise<Plan | undefined>;
  /** What the Plan refers to and does not contain, without reading its objects. */
  references(id: string): Promise<PlanReference[]>;
}

export interface CommandsStore {
  /** Idempotent by key. Wakes the subject's work item in the same transaction. */
  add(
    command: Command & { idempotencyKey?: string; expectedVersion?: number },
  ): Promise<{ command: Command; answer?: CommandAnswer }>;
  pending(subjects: string[], tx?: StoreTx): Promise<Command[]>;
  /** Unanswered, oldest first, on the target and on any of its deployments, ended ones too (`retry`). */
  pendingForTarget(target: TargetRef, tx?: StoreTx): Promise<Command[]>;
  answer(answers: CommandAnswer[], tx: StoreTx): Promise<void>;
  getAnswer(id: string): Promise<CommandAnswer | undefined>;
}

export interface WorkStore {
  /** Due and unclaimed, oldest due first; raises each epoch by one in the claiming UPDATE. */
  claim(options: {
    owner: string;
    limit: number;
    leaseMs: number;
    kinds?: Lease['kind'][];
  }): Promise<Lease[]>;
  /** Throws LeaseLostError. */
  renew(lease: Lease, leaseMs: number): Promise<Lease>;
  /** Gives the lease back; `wakeAtMs` undefined: sleeps until poked. Keeps an earlier poke. */
  release(
    lease: Lease,
    wakeAtMs: number | undefined,
    tx?: StoreTx,
  ): Promise<void>;
  /** Makes it due now (or at `atMs`), idempotent; takes effect also while it is claimed. */
  poke(
    kind: Lease['kind'],
    id: string,
    options?: { atMs?: number },
    tx?: StoreTx,
  ): Promise<void>;
  /**
   * Makes those due now that nothing would wake but a poke: free, and without a
   * time. Returns their ids; what has a time or is claimed is left as it is.
   */
  wakeSleeping(kind: Lease['kind'], ids: string[]): Promise<string[]>;
  /**
   * For the audited verb "take over": makes the epoch at least `atLeast`, in
   * the row and in the lease that is returned. Throws LeaseLostError.
   */
  raiseEpoch(lease: Lease, atLeast: number, tx?: StoreTx): Promise<Lease>;
  stats(): Promise<{ due: number; claimed: number; oldestDueAgeMs?: number }>;
}

export interface OutboxStore {
  add(
    items: Array<{ key: string; type: string; payload: unknown }>,
    tx: StoreTx,
  ): Promise<void>;
  claim(
    owner: string,
    limit: number,
    leaseMs: number,
  ): Promise<
    Array<{ key: string; type: string; payload: unknown; attempts: number }>
  >;
  done(key: string): Promise<void>;
  retry(key: string, atMs: number, error: string): Promise<void>;
  /** What is not done yet. */
  stats(): Promise<{ waiting: number; oldestAgeMs?: number }>;
}

export interface FeedEntry {
  /** Opaque cursor that orders entries as they became visible. */
  cursor: string;
  kind: 'service' | 'target' | 'release' | 'deployment';
  subject: string;
  service: ServiceRef;
  version: number;
}

export interface FeedStore {
  add(entries: Array<Omit<FeedEntry, 'cursor'>>, tx: StoreTx): Promise<void>;
  /**
   * What came after the cursor, oldest first. `undefined`: no entries, and the
   * cursor of now. `reset` when the cursor is older than what is kept, or not
   * one of this database: no entries, and the cursor of now.
   */
  read(
    after: string | undefined,
    limit: number,
  ): Promise<{ entries: FeedEntry[]; cursor: string; reset: boolean }>;
  /** For how long the oldest entry waits to be readable in order; 0: none does. */
  lagMs(): Promise<number>;
  /** Calls back soon after something was added by any backend: LISTEN on PostgreSQL, polling always. */
  subscribe(onNews: () => void, signal: AbortSignal): void;
}

export interface BlobsStore {
  put(bytes: Buffer): Promise<Digest>;
  get(digest: Digest): Promise<Buffer | undefined>;
}

/** The only door to the database. */
export interface DeliveryStore {
  /**
   * Calls of the store inside `work` belong to this transaction also when they
   * are not given `tx`; a transaction inside a transaction joins it.
   */
  transaction<T>(work: (tx: StoreTx) => Promise<T>): Promise<T>;
  /** The database's clock, in epoch milliseconds. */
  now(): Promise<number>;
  services: ServicesStore;
  releases: ReleasesStore;
  targets: TargetsStore;
  deployments: DeploymentsStore;
  plans: PlansStore;
  commands: CommandsStore;
  work: WorkStore;
  ticks: TickStore;
  outbox: OutboxStore;
  feed: FeedStore;
  blobs: BlobsStore;
  /** Deletes what retention does not keep; bounded deletes. */
  cleanup(options: {
    keepPerTarget: number;
    keepDays: number;
    nowMs: number;
  }): Promise<{ deleted: Record<string, number> }>;
  /** Writes down who did what and why; append-only. */
  audit(
    entry: {
      atMs: number;
      actor: Actor;
      verb: string;
      subject: string;
      reason?: string;
      digests?: string[];
      outcome: string;
    },
    tx?: StoreTx,
  ): Promise<void>;
  /** Stops listening and gives the single-backend lock of SQLite back; the knex client stays open. */
  close(): Promise<void>;
}

export type { Finding };
