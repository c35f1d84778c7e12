import {
  Command,
  Deployment,
  Measurement,
  TimelineEvent,
} from '@slipway/backstage-plugin-delivery-common';
import { DeploymentEvidence } from './deployments';
import { TargetRow } from './targets';
import { Lease } from './work';

/** What a look at a target begins with. */
export interface LoadedTarget {
  row: TargetRow;
  /** Not terminal, oldest first. */
  open: Deployment[];
  /** Unanswered, oldest first, on the target and on any of its deployments. */
  commands: Command[];
}

/** What a look at a target decided; all of it is written, or nothing. */
export interface TickSave {
  lease: Lease;
  row: TargetRow;
  /** Those that changed. */
  deployments: Deployment[];
  /** `rowVersion`: of the deployment they belong to, as it was loaded. */
  measurements: Array<{
    deploymentId: string;
    rowVersion: number;
    rows: Measurement[];
  }>;
  evidence: Array<{
    deploymentId: string;
    evidence: Partial<DeploymentEvidence>;
  }>;
  events: TimelineEvent[];
  news: Array<{ key: string; type: string; payload: unknown }>;
}

/**
 * What the looks at many targets have in common, done for all that ask at the
 * same time: one query, one transaction. Each is still written by its own lease
 * and version, and what fails for one does not fail for the others.
 */
export interface TickStore {
  /** Call with the lease just claimed. `undefined`: there is no such target. */
  load(lease: Lease): Promise<LoadedTarget | undefined>;
  /**
   * Resolves with the row as it is stored now, once that is committed.
   *
   * Errors: `LeaseLostError`, `VersionConflictError`.
   */
  save(save: TickSave): Promise<TargetRow>;
}
