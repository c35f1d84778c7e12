import { ConflictError, InputError, NotFoundError } from '@backstage/errors';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { isConflict } from '../client';
import { DisruptionBudget, Pod, selects } from '../health';
import { TARGET_LABEL, targetLabel } from '../names';
import { TargetObjects } from '../watch';
import { OperationArguments, OperationContext } from './context';

/**
 * Deletes one pod of the target, and exactly that one: neither a pod of another
 * target nor one that has got its name since.
 *
 * Errors: `InputError` without the name of an instance, `NotFoundError` when the
 * target has no such pod, `ConflictError` while a PodDisruptionBudget allows
 * none to go and `force` is not true.
 */
export async function deleteInstance(
  { client, target, namespace, signal }: OperationContext,
  args: OperationArguments,
  { budgets }: Pick<TargetObjects, 'budgets'>,
): Promise<{ message: string }> {
  const { instance } = args;
  if (typeof instance !== 'string' || instance === '') {
    throw new InputError(
      'The operation "delete-instance" needs the argument "instance", the id of an instance',
    );
  }
  const ref = { apiVersion: 'v1', kind: 'Pod', name: instance, namespace };
  const pod: Pod | undefined = await client.get(ref, signal);
  if (!pod || pod.metadata.labels?.[TARGET_LABEL] !== targetLabel(target)) {
    throw new NotFoundError(
      `${stringifyTarget(
        target,
      )} has no instance ${instance} in namespace ${namespace}; it may have been replaced already`,
    );
  }
  const budget = args.force === true ? undefined : forbids(pod, budgets);
  if (budget) {
    throw new ConflictError(
      `The PodDisruptionBudget ${
        budget.metadata.name
      } allows no pod to go now: ${
        budget.status?.currentHealthy ?? 0
      } are healthy and ${
        budget.status?.desiredHealthy ?? 0
      } must be. Wait until more are ready, or send force: true`,
    );
  }
  const { uid } = pod.metadata;
  let deleted: boolean;
  try {
    deleted = await client.delete(ref, { uid }, signal);
  } catch (error) {
    if (!isConflict(error)) {
      throw error;
    }
    deleted = false;
  }
  return {
    message: deleted
      ? `${instance} is being stopped; another instance takes its place`
      : `${instance} does not run any more`,
  };
}

/** What is not ready serves nobody: no budget keeps it. */
function forbids(
  pod: Pod,
  budgets: DisruptionBudget[],
): DisruptionBudget | undefined {
  const ready = pod.status?.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  );
  return ready
    ? budgets.find(
        ({ spec, status }) =>
          selects(spec?.selector?.matchLabels, pod.metadata.labels) &&
          (status?.disruptionsAllowed ?? 0) === 0,
      )
    : undefined;
}
