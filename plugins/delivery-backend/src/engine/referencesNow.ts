import {
  Connection,
  Plan,
  PlanReference,
} from '@slipway/backstage-plugin-delivery-node';
import { withTimeLimit } from './timeLimit';

/** A rollback is in a hurry, and goes on without the answer. */
const LIMIT_MS = 3_000;

/**
 * What a Plan from before refers to, with the versions that it gets when it is
 * applied now. What cannot be asked has no version: its version of then would
 * be a wrong one.
 */
export async function referencesNow(options: {
  plan: Plan;
  connection: Connection;
  signal: AbortSignal;
}): Promise<PlanReference[]> {
  const { plan, connection, signal } = options;
  const known = plan.references ?? [];
  if (known.every(({ restorable }) => restorable)) {
    return known;
  }
  const { objects, images, target, jobs } = plan;
  let now: PlanReference[] = [];
  try {
    const found = await withTimeLimit(
      'Asking for the versions of what the plan refers to',
      LIMIT_MS,
      signal,
      () => connection.workloads.inspect(objects, images, target, { jobs }),
    );
    now = found.references ?? [];
  } catch {
    signal.throwIfAborted();
  }
  return known.map(reference => {
    if (reference.restorable) {
      return reference;
    }
    const found = now.find(
      ({ kind, name }) => kind === reference.kind && name === reference.name,
    );
    return found ?? { ...reference, version: undefined };
  });
}
