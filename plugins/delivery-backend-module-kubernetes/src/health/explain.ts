import { KubeObject, refOf } from '../client';
import { causeOfGeneration } from './generation';
import { causeOfInstance } from './instance';
import {
  Autoscaler,
  DisruptionBudget,
  EndpointSlice,
  Pod,
  PodOwner,
  Route,
  selects,
  Service,
} from './objects';
import { causeOfRoute } from './routes';
import { causeOfAutoscaler, causeOfBudget } from './scaling';
import { causeOfService } from './services';
import { Finding, HealthContext, NamedCause } from './types';

/** What is to be explained. What is absent is not known, and nothing is said about it. */
export interface ExplainedObjects {
  pods: readonly Pod[];
  deployments: readonly PodOwner[];
  replicaSets?: readonly PodOwner[];
  services?: readonly Service[];
  /**
   * Whether `services` are all of the namespace: only then a missing one is
   * known to be missing.
   */
  allServices?: boolean;
  endpointSlices?: readonly EndpointSlice[];
  routes?: readonly Route[];
  autoscalers?: readonly Autoscaler[];
  budgets?: readonly DisruptionBudget[];
}

/** In the way, but what runs goes on. */
const WARNINGS = new Set<NamedCause['code']>([
  'autoscaler-at-maximum',
  'autoscaler-without-metrics',
  'autoscaler-cannot-scale',
  'disruption-blocked',
  'disruption-never-allowed',
  'service-port-mismatch',
]);

/**
 * Everything that is wrong with a target's objects: named causes with their
 * evidence and the fixing action, what breaks most first. Pure.
 */
export function explain(
  objects: ExplainedObjects,
  context: HealthContext,
): Finding[] {
  const { nowMs, nodes } = context;
  const { pods, endpointSlices, services = [] } = objects;
  const findings: Finding[] = [];
  const add = (about: KubeObject, cause: NamedCause | undefined) => {
    if (cause) {
      findings.push({
        ...cause,
        about: refOf(about),
        level: WARNINGS.has(cause.code) ? 'warning' : 'error',
      });
    }
  };

  for (const deployment of objects.deployments) {
    const own = pods.filter(pod =>
      selects(deployment.spec?.selector?.matchLabels, pod.metadata.labels),
    );
    add(
      deployment,
      causeOfGeneration(
        { deployment, replicaSets: objects.replicaSets, pods: own },
        context,
      ),
    );
  }
  for (const pod of pods) {
    add(pod, causeOfInstance(pod, context));
  }
  for (const service of services) {
    add(service, causeOfService(service, pods, endpointSlices, nowMs));
  }
  for (const route of objects.routes ?? []) {
    const known = objects.allServices ? services : undefined;
    add(route, causeOfRoute(route, known, nowMs));
  }
  for (const autoscaler of objects.autoscalers ?? []) {
    add(autoscaler, causeOfAutoscaler(autoscaler, nowMs));
  }
  for (const budget of objects.budgets ?? []) {
    add(budget, causeOfBudget(budget, pods, nodes, nowMs));
  }
  return findings.sort(
    (a, b) => Number(a.level === 'warning') - Number(b.level === 'warning'),
  );
}
