import { ConflictError, InputError } from '@backstage/errors';
import {
  Fence,
  StaleEpochError,
} from '@slipway/backstage-plugin-delivery-node';
import { TargetState } from './state';

interface Written {
  readonly id: string;
  readonly state: TargetState;
}

/**
 * The rule for writing to a target: a write carries its epoch; one that is
 * older than the newest that was seen is refused, and so is an older revision
 * of the same epoch (a request that was overtaken).
 *
 * Errors: `StaleEpochError`, `ConflictError`.
 */
export function acceptWrite({ id, state }: Written, fence: Fence): void {
  if (fence.epoch < state.epoch) {
    throw new StaleEpochError(fence.epoch, state.epoch);
  }
  if (fence.epoch === state.epoch && fence.revision < state.revision) {
    throw new ConflictError(
      `Revision ${fence.revision} of ${id} comes after revision ${state.revision} of the same epoch ${state.epoch}`,
    );
  }
  state.epoch = fence.epoch;
  state.revision = fence.revision;
}

/**
 * A write beside the wanted state, such as a job: it is no sign that anything
 * else of its revision has been written.
 *
 * Errors: `StaleEpochError`.
 */
export function acceptEpoch({ state }: Written, { epoch }: Fence): void {
  if (epoch < state.epoch) {
    throw new StaleEpochError(epoch, state.epoch);
  }
  state.epoch = epoch;
}

/** Errors: `InputError` when the shares cannot be given as they are. */
export function assertShares(
  { id, state }: Written,
  shares: Array<{ generation: string; percent: number }>,
): void {
  const sum = shares.reduce((total, { percent }) => total + percent, 0);
  if (shares.length > 0 && Math.abs(sum - 100) > 0.01 && sum !== 0) {
    throw new InputError(
      `The shares of ${id} add up to ${sum}; expected 100 or 0`,
    );
  }
  const unknown = shares.find(
    share => share.percent > 0 && !state.generations[share.generation],
  );
  if (unknown) {
    throw new InputError(
      `${id} should give ${unknown.percent} % to generation "${unknown.generation}", which does not exist here`,
    );
  }
}
