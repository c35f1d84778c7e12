import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { assertWritable, readTargetState, WriteContext } from '../apply';
import { ClusterAccess } from '../clusterAccess';
import { KubePlan } from '../plan';
import { adopt } from './adoption';
import { LiveDeployment, readDeployments } from './readTarget';

/** One write of the engine: who writes, and what is there. */
export interface Session {
  context: WriteContext;
  deployments: LiveDeployment[];
}

/**
 * Reads the Deployments of a target before anything is written to it.
 *
 * Errors: `StaleEpochError` when any of them has a newer epoch than ours.
 */
export async function openSession(
  { client, namespaceOf }: ClusterAccess,
  target: TargetRef,
  fence: Fence,
  signal: AbortSignal,
): Promise<Session> {
  const namespace = await namespaceOf(target);
  const context = { client, target, namespace, fence, signal };
  const deployments = await readDeployments(client, target, namespace, signal);
  deployments.forEach(({ object }) => assertWritable(context, object));
  return { context, deployments };
}

/** The fence when nothing runs. */
export async function assertNotOlder({
  context,
  deployments,
}: Session): Promise<void> {
  const { client, target, namespace, signal } = context;
  if (deployments.length === 0) {
    const { object } = await readTargetState(client, target, namespace, signal);
    if (object) {
      assertWritable(context, object);
    }
  }
}

/** What ran here before us under the Plan's name is seen as a generation from now on. */
export async function adoptPlain(
  { context, deployments }: Session,
  { workload }: KubePlan,
): Promise<void> {
  const { name } = workload.metadata;
  const known = deployments.find(({ object }) => object.metadata.name === name);
  if (known?.role !== 'workload') {
    await adopt(context, { name });
  }
}
