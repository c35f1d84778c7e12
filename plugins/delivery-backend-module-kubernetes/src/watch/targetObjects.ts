import {
  Autoscaler,
  DisruptionBudget,
  EndpointSlice,
  KubeEvent,
  Node,
  Pod,
  PodOwner,
  Route,
  Service,
} from '../health';
import { KubeObject } from '../client';
import { ClusterWatch } from './clusterWatch';

/** Everything of one target, as the watch has it. */
export interface TargetObjects {
  pods: Pod[];
  deployments: PodOwner[];
  replicaSets: PodOwner[];
  services: Service[];
  endpointSlices: EndpointSlice[];
  autoscalers: Autoscaler[];
  budgets: DisruptionBudget[];
  routes: Route[];
  events: KubeEvent[];
  /** Of the whole cluster; absent where nodes may not be read. */
  nodes?: Node[];
}

/** Reads a target's objects from the watch: no call to the cluster. */
export function readTargetObjects(
  watch: ClusterWatch,
  label: string,
  namespace: string,
): TargetObjects {
  const of = (kind: string): KubeObject[] =>
    watch
      .labelled(kind, label)
      .filter(({ metadata }) => metadata.namespace === namespace);
  const objects = {
    pods: of('Pod'),
    deployments: of('Deployment'),
    replicaSets: of('ReplicaSet'),
    services: of('Service'),
    endpointSlices: of('EndpointSlice'),
    autoscalers: of('HorizontalPodAutoscaler'),
    budgets: of('PodDisruptionBudget'),
    routes: [...of('HTTPRoute'), ...of('GRPCRoute')],
  };
  const uids = new Set(
    Object.values(objects)
      .flat()
      .flatMap(({ metadata }) => metadata.uid ?? []),
  );
  const nodesKnown = watch
    .status()
    .some(({ kind, status }) => kind === 'Node' && status.state === 'current');
  return {
    ...objects,
    events: watch.eventsAbout(uids),
    ...(nodesKnown && { nodes: watch.all('Node') }),
  };
}
