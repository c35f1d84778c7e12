import { StoreTx } from './ground';

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
