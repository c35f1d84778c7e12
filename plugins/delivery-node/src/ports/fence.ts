/**
 * Who writes: a growing number per Target (`epoch`) and the `revision` of the
 * desired state. A world that can compare refuses an older epoch.
 *
 * @public
 */
export interface Fence {
  epoch: number;
  revision: number;
  /**
   * A person said that what others have changed is to be ours again (the verb
   * _take over_). Without it an adapter refuses with `ConflictError` where the
   * world tells who else owns what it would write.
   */
  takeOver?: true;
}

/** Thrown by an adapter when the world has seen a newer epoch. @public */
export class StaleEpochError extends Error {
  readonly name = 'StaleEpochError';
  constructor(readonly ours: number, readonly theirs: number) {
    super(`The world has seen epoch ${theirs}, ours is ${ours}`);
  }
}

/** @public */
export type Fencing = 'compare-and-set' | 'idempotent' | 'check-then-act';
