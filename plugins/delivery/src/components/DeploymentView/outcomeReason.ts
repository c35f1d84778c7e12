import { Deployment, Reason } from '@slipway/backstage-plugin-delivery-common';

/** Why it ended as it did or why it waits; a success needs no reason. */
export function outcomeReason(deployment: Deployment): Reason | undefined {
  const { rollout, status } = deployment;
  if (status === 'succeeded') {
    return undefined;
  }
  return (
    deployment.reason ??
    rollout?.reason ??
    rollout?.abort?.reason ??
    rollout?.paused?.detail ??
    rollout?.error?.reason
  );
}
