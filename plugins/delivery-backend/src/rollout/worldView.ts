import {
  DelegatedState,
  GenerationState,
  isKnown,
  TrafficRoute,
  World,
} from '@slipway/backstage-plugin-delivery-common';

/** Questions to a world of which both halves are known. */
export interface WorldView {
  /** The newest revision of ours that both halves have seen. */
  reflects: number;
  state(generation: string): GenerationState | undefined;
  /** Ready instances; 0 for a generation that is not there. */
  ready(generation: string): number;
  /** Percent of the traffic that the router took for a generation. */
  accepted(generation: string): number;
  /** What it sends to a generation beside the shares. */
  routes: TrafficRoute[];
  /** Requests are divided by the number of ready instances, and by nothing else. */
  byInstances: boolean;
  /** Generations that the router gives a share. */
  served(): string[];
  /** What the controller that leads tells; absent when nobody asked it. */
  delegated?: DelegatedState;
}

/** Why a world cannot be judged, or the view of it. */
export function viewWorld(
  world: World,
): { view: WorldView } | { unknown: string } {
  const { workloads, traffic, delegated } = world;
  if (!isKnown(workloads)) {
    return { unknown: `the instances: ${workloads.unknown}` };
  }
  if (!isKnown(traffic)) {
    return { unknown: `the traffic: ${traffic.unknown}` };
  }
  if (delegated && !isKnown(delegated)) {
    return { unknown: `the rollout in place: ${delegated.unknown}` };
  }
  const states = new Map(
    workloads.known.generations.map(state => [state.generation, state]),
  );
  const shares = new Map<string, number>();
  for (const { generation, percent } of traffic.known.accepted) {
    shares.set(generation, (shares.get(generation) ?? 0) + percent);
  }
  return {
    view: {
      reflects: Math.min(workloads.reflects, traffic.reflects),
      state: generation => states.get(generation),
      ready: generation => states.get(generation)?.ready ?? 0,
      accepted: generation => shares.get(generation) ?? 0,
      routes: traffic.known.routes ?? [],
      byInstances: traffic.known.byInstances === true,
      served: () =>
        [...shares.entries()]
          .filter(([, percent]) => percent > 0)
          .map(([generation]) => generation),
      ...(delegated ? { delegated: delegated.known } : {}),
    },
  };
}
