import {
  Autoscaler,
  condition,
  DisruptionBudget,
  Node,
  Pod,
  selects,
  timeMs,
} from './objects';
import { NamedCause } from './types';

/** Why an autoscaler does not give the number of instances that it should. */
export function causeOfAutoscaler(
  autoscaler: Autoscaler,
  nowMs: number,
): NamedCause | undefined {
  const { metadata, spec } = autoscaler;
  const name = `The autoscaler ${metadata.name}`;
  const able = condition(autoscaler, 'AbleToScale');
  const active = condition(autoscaler, 'ScalingActive');
  const limited = condition(autoscaler, 'ScalingLimited');
  if (able?.status === 'False') {
    return {
      code: 'autoscaler-cannot-scale',
      summary: `${name} cannot scale ${
        spec?.scaleTargetRef?.name ?? 'its target'
      }`,
      evidence: able.message,
      action: 'Correct scaleTargetRef, or what the message names',
      sinceMs: timeMs(able.lastTransitionTime) ?? nowMs,
    };
  }
  if (active?.status === 'False' && active.reason !== 'ScalingDisabled') {
    return {
      code: 'autoscaler-without-metrics',
      summary: `${name} has no metrics, so it does not scale`,
      evidence: `${active.reason}: ${active.message}`,
      action: /missing request/i.test(active.message ?? '')
        ? 'Set resources.requests of every container to what the autoscaler measures'
        : 'See whether the metrics server (or the adapter of custom metrics) answers',
      sinceMs: timeMs(active.lastTransitionTime) ?? nowMs,
    };
  }
  if (limited?.status === 'True' && limited.reason === 'TooManyReplicas') {
    return {
      code: 'autoscaler-at-maximum',
      summary: `${name} is at its maximum of ${spec?.maxReplicas} instances and would run more`,
      evidence: limited.message,
      action: 'Raise maxReplicas, or see what causes the load',
      sinceMs: timeMs(limited.lastTransitionTime) ?? nowMs,
    };
  }
  return undefined;
}

/** Whether a budget stands in the way of a node that is being drained, or of every one. */
export function causeOfBudget(
  budget: DisruptionBudget,
  pods: readonly Pod[],
  nodes: readonly Node[] | undefined,
  nowMs: number,
): NamedCause | undefined {
  const { metadata, status } = budget;
  if (!status || (status.disruptionsAllowed ?? 0) > 0) {
    return undefined;
  }
  const covered = pods.filter(pod =>
    selects(budget.spec?.selector?.matchLabels, pod.metadata.labels),
  );
  const sinceMs =
    timeMs(condition(budget, 'DisruptionAllowed')?.lastTransitionTime) ?? nowMs;
  const evidence = `${status.currentHealthy ?? 0} of ${
    status.expectedPods ?? 0
  } pods are healthy, ${status.desiredHealthy ?? 0} must be`;
  const draining = covered
    .map(({ spec }) => spec?.nodeName)
    .filter(name =>
      nodes?.some(
        node => node.metadata.name === name && node.spec?.unschedulable,
      ),
    );
  if (draining.length > 0) {
    return {
      code: 'disruption-blocked',
      summary: `The PodDisruptionBudget ${metadata.name} keeps pods on ${[
        ...new Set(draining),
      ].join(', ')}, which is being drained`,
      evidence,
      action:
        'More instances must be ready elsewhere first: scale up, or see why the others are not ready',
      sinceMs,
    };
  }
  const { expectedPods = 0, desiredHealthy = 0 } = status;
  return expectedPods > 0 && desiredHealthy >= expectedPods
    ? {
        code: 'disruption-never-allowed',
        summary: `The PodDisruptionBudget ${metadata.name} never lets a pod go, so no node of its pods can be drained`,
        evidence,
        action:
          'Run one instance more than minAvailable, or use maxUnavailable: 1',
        sinceMs,
      }
    : undefined;
}
