import { NotFoundError, ServiceUnavailableError } from '@backstage/errors';
import {
  OperationView,
  stringifyTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Operations } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { targetLabel } from '../names';
import { ClusterWatch, readTargetObjects, TargetObjects } from '../watch';
import { deleteInstance } from './deleteInstance';
import { scale, scalableOf, scaleOffer } from './scale';

/**
 * What people may do to a target's instances beside delivering.
 *
 * A restart is not among them: the engine does it, as a deployment of the same
 * Plan under the name of another generation, which `Workloads` brings up beside
 * the one that serves like any other.
 *
 * What is offered comes from the watch: a page that shows it costs the cluster
 * nothing. What is done is checked against the API.
 */
export function createOperations(options: {
  cluster: ClusterAccess;
  watch: ClusterWatch;
}): Operations {
  const { cluster, watch } = options;

  async function objectsOf(target: TargetRef): Promise<TargetObjects> {
    return readTargetObjects(
      watch,
      targetLabel(target),
      await cluster.namespaceOf(target),
    );
  }

  return {
    async list(target) {
      if (watch.lost()) {
        return [];
      }
      const objects = await objectsOf(target);
      const [stable, ...others] = scalableOf(objects.deployments);
      const offered: OperationView[] = [];
      if (objects.pods.length > 0) {
        offered.push({
          id: 'delete-instance',
          title: 'Delete an instance',
          description:
            'Stops one pod gracefully; its Deployment makes another one. Refused while a PodDisruptionBudget allows none to go, unless it is forced',
          destructive: true,
        });
      }
      if (stable) {
        offered.push(scaleOffer(stable, others.length, objects.autoscalers));
      }
      return offered;
    },
    async run(target, operation, args, _key, signal) {
      const trouble = watch.lost();
      if (trouble) {
        throw new ServiceUnavailableError(
          `Nothing is done to ${stringifyTarget(
            target,
          )} while it is not seen: ${trouble.reason}`,
        );
      }
      const namespace = await cluster.namespaceOf(target);
      const context = { client: cluster.client, target, namespace, signal };
      if (operation === 'delete-instance') {
        return await deleteInstance(context, args, await objectsOf(target));
      }
      if (operation === 'scale') {
        return await scale(context, args);
      }
      throw new NotFoundError(
        `The Kubernetes connection has no operation "${operation}"; it has delete-instance and scale`,
      );
    },
  };
}
