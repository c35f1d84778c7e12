import { KubeObject } from '../client';
import { Condition } from '../health';
import { TargetObjects } from './targetObjects';

/**
 * What a rollout may wait for besides instances: that a controller has seen a
 * change, is done with it or has given up; endpoints; a gateway's word. Two
 * that are equal mean that nobody has to look again. What only counts up on
 * the way is left out, so that a rollout costs few looks.
 */
export function progressOf({
  deployments,
  endpointSlices,
  routes,
}: TargetObjects): unknown {
  return [
    byName(deployments).map(({ metadata, spec, status }) => {
      const wanted = spec?.replicas ?? 1;
      const { replicas = 0, updatedReplicas = 0 } = status ?? {};
      const { availableReplicas = 0 } = status ?? {};
      return [
        metadata.name,
        wanted,
        isSeen(metadata.generation, status?.observedGeneration),
        updatedReplicas >= wanted &&
          replicas <= updatedReplicas &&
          availableReplicas >= wanted,
        reasonOf(status?.conditions, 'Progressing'),
      ];
    }),
    byName(endpointSlices).map(({ metadata, endpoints }) => [
      metadata.name,
      (endpoints ?? []).filter(({ conditions }) => conditions?.ready).length,
    ]),
    byName(routes).map(({ metadata, status }) => [
      metadata.name,
      (status?.parents ?? []).flatMap(({ conditions = [] }) =>
        conditions.map(({ type, status: is, observedGeneration }) => [
          type,
          is,
          isSeen(metadata.generation, observedGeneration),
        ]),
      ),
    ]),
  ];
}

/** A watch keeps the newest last. */
function byName<T extends KubeObject>(objects: T[]): T[] {
  return [...objects].sort((one, other) =>
    one.metadata.name < other.metadata.name ? -1 : 1,
  );
}

function isSeen(generation = 0, observedGeneration = 0): boolean {
  return observedGeneration >= generation;
}

/** Of `Progressing`: `NewReplicaSetAvailable`, `ProgressDeadlineExceeded`... */
function reasonOf(
  conditions: Condition[] | undefined,
  type: string,
): string | undefined {
  return conditions?.find(condition => condition.type === type)?.reason;
}
