import { Drift } from '@slipway/backstage-plugin-delivery-common';
import { PodOwner } from '../health';
import {
  editsOf,
  injectedContainers,
  rewrittenImages,
  rewrittenPods,
} from './drift';
import { DriftAdmissions } from './driftAdmissions';

/** All that others have changed of a Deployment of ours and of its pods. */
export async function driftOf(
  deployment: PodOwner,
  /** Pods that are known to run another image than they should. */
  mismatches: number,
  admissions: DriftAdmissions,
  namespace: string,
  signal: AbortSignal,
): Promise<Drift[]> {
  const { metadata, spec } = deployment;
  const rewritten = await Promise.all([
    admissions.name(
      [...rewrittenImages(deployment), ...injectedContainers(deployment)],
      { resource: 'deployments', labels: metadata.labels ?? {}, namespace },
      signal,
    ),
    admissions.name(
      rewrittenPods(deployment, mismatches),
      {
        resource: 'pods',
        labels: spec?.template?.metadata?.labels ?? {},
        namespace,
      },
      signal,
    ),
  ]);
  return [...editsOf(deployment), ...rewritten.flat()];
}
