import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { PlanObject } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { assertAllowed, ManifestPolicy, readPlan } from '../plan';

/** A cluster that answers slowly must not hold a Plan for ever. */
const INSPECT_LIMIT_MS = 60_000;

/**
 * Looks at a rendered Plan before anything is applied: whether it is one, what
 * the platform's policy says, and whether the cluster knows its kinds.
 *
 * Errors: `InputError` with file and line; what the client throws.
 */
export async function inspectPlan(options: {
  cluster: ClusterAccess;
  policy: ManifestPolicy;
  objects: PlanObject[];
  target: TargetRef;
  signal?: AbortSignal;
}): Promise<{ replicas: number; ignored: string[] }> {
  const { cluster, policy, objects, target } = options;
  const signal = options.signal ?? AbortSignal.timeout(INSPECT_LIMIT_MS);
  const kubePlan = readPlan(objects);
  const warnings = await assertAllowed(
    cluster,
    kubePlan,
    target,
    policy,
    signal,
  );
  return {
    replicas: kubePlan.replicas,
    ignored: [...kubePlan.ignored, ...warnings],
  };
}
