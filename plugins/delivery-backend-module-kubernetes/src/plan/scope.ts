import { InputError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import { checkPolicy, ManifestPolicy } from './policy';
import { KubePlan } from './readPlan';

/**
 * Holds a Plan against what the cluster serves and what the platform allows.
 *
 * Returns warnings, for people.
 *
 * Errors: `InputError` with file and line; what the client throws.
 */
export async function assertAllowed(
  { client, name, namespaceOf }: ClusterAccess,
  kubePlan: KubePlan,
  target: TargetRef,
  policy: ManifestPolicy,
  signal: AbortSignal,
): Promise<string[]> {
  const namespace = await namespaceOf(target);
  const subjects = await Promise.all(
    kubePlan.items.map(async ({ object, place }) => {
      const { apiVersion, kind } = object;
      const served = await client.resource(apiVersion, kind, signal);
      if (!served) {
        throw new InputError(
          `${place}: the cluster ${name} does not know ${apiVersion} ${kind}; install its CustomResourceDefinition there, or write a version that is served`,
        );
      }
      return { object, place, namespaced: served.namespaced };
    }),
  );
  return checkPolicy(subjects, namespace, policy);
}
