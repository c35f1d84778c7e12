import { InputError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Plan, PlanReference } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import {
  assertAllowed,
  ManifestPolicy,
  planReferences,
  readPlan,
} from '../plan';
import { assertAccepted } from './dryRun';
import { tellRecreated } from './withoutGap';

/** A cluster that answers slowly must not hold a Plan for ever. */
const INSPECT_LIMIT_MS = 60_000;

/**
 * Looks at a rendered Plan before anything is applied: whether it is one, what
 * the platform's policy says, whether the cluster would take every object of
 * it, and what it refers to.
 *
 * Errors: `InputError` with file and line; what the client throws.
 */
export async function inspectPlan(options: {
  cluster: ClusterAccess;
  policy: ManifestPolicy;
  plan: Pick<Plan, 'objects' | 'jobs' | 'images'>;
  target: TargetRef;
  beside?: string[];
  signal?: AbortSignal;
}): Promise<{
  replicas: number;
  ignored: string[];
  references: PlanReference[];
}> {
  const { cluster, policy, plan, target, beside = [] } = options;
  const signal = options.signal ?? AbortSignal.timeout(INSPECT_LIMIT_MS);
  const kubePlan = readPlan(plan);
  if (beside.length > 0 && kubePlan.traffic.routes.length === 0) {
    throw new InputError(
      `The strategy has steps of the kind ${beside.join(
        ' and ',
      )}, for which the manifests need an HTTPRoute or a GRPCRoute that sends to a Service of the workload; there is none. Add one, or leave these steps out`,
    );
  }
  const warnings = await assertAllowed(
    cluster,
    kubePlan,
    target,
    policy,
    signal,
  );
  await assertAccepted({ cluster, kubePlan, plan, target, signal });
  const recreated = tellRecreated(kubePlan);
  return {
    replicas: kubePlan.replicas,
    ignored: [
      ...kubePlan.ignored,
      ...warnings,
      ...(recreated ? [recreated] : []),
    ],
    references: await planReferences(
      cluster.client,
      kubePlan,
      await cluster.namespaceOf(target),
      signal,
    ),
  };
}
