import {
  Hold,
  Page,
  ServiceRef,
  TargetRecord,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreTx, PageOptions } from './ground';
import { Lease } from './work';

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
      /** With `attention`: these as well, by `stringifyTarget`; at most 500. */
      unwell?: string[];
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
