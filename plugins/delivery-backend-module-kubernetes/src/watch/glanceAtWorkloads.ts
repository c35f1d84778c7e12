import { Workloads } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { targetLabel } from '../names';
import { ClusterWatch } from './clusterWatch';
import { readTargetObjects } from './targetObjects';

/**
 * What a page shows of a target that the live source has told nothing of:
 * nothing runs of it, where the watch sees everything. No call to the cluster.
 */
export function createWorkloadsGlance(options: {
  cluster: Pick<ClusterAccess, 'namespaceOf'>;
  watch: ClusterWatch;
}): NonNullable<Workloads['glance']> {
  const { cluster, watch } = options;
  return async target => {
    const namespace = await cluster.namespaceOf(target);
    const trouble = watch.lost(namespace);
    if (trouble) {
      return { unknown: trouble.reason, sinceMs: trouble.sinceMs };
    }
    const observedAtMs = Date.now();
    const { deployments, pods } = readTargetObjects(
      watch,
      targetLabel(target),
      namespace,
    );
    return deployments.length > 0 || pods.length > 0
      ? { unknown: 'What runs is about to be told', sinceMs: observedAtMs }
      : { known: { generations: [] }, observedAtMs, reflects: 0 };
  };
}
