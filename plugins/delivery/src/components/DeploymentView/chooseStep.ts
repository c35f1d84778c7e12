import { Deployment } from '@slipway/backstage-plugin-delivery-common';

/**
 * The step that a deployment opens on: its cause when it failed, else the
 * current one, else the last one that was done.
 */
export function openingStep(deployment: Deployment): number {
  const steps = deployment.rollout?.steps ?? [];
  const failed =
    steps.find(step => step.status === 'failed') ??
    steps.find(step => step.verdict === 'fail' || step.verdict === 'error');
  if (failed) {
    return failed.index;
  }
  const active = steps.find(step => step.status === 'active');
  if (active) {
    return active.index;
  }
  // An abort leaves the step where it happened as the rollout's current one.
  if (deployment.rollout?.abort) {
    return deployment.rollout.stepIndex;
  }
  const done = steps.filter(step => step.status === 'done');
  const judged = [...done].reverse().find(step => step.verdict);
  return (judged ?? done[done.length - 1] ?? steps[0])?.index ?? 0;
}
