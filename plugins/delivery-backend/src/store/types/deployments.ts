import {
  Deployment,
  LogNovelty,
  Measurement,
  Page,
  ServiceRef,
  TargetRef,
  TimelineEvent,
  TrafficPoint,
} from '@slipway/backstage-plugin-delivery-common';
import { PlanReference } from '@slipway/backstage-plugin-delivery-node';
import { StoreTx, PageOptions } from './ground';
import { Lease } from './work';

/** What is kept beside a deployment, for its page; never in lists. */
export interface DeploymentEvidence {
  /** Oldest first; bounded. */
  traffic: TrafficPoint[];
  logs: LogNovelty;
  /** What its Plan names and does not contain, as it was when it began. */
  references: PlanReference[];
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
