import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeApiError, KubeObject, refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { TRAFFIC_FIELD_MANAGER } from '../names';
import { LiveTraffic, readLive } from './live';
import { Router } from './router';
import { routers as allRouters } from './routers';

/** What traffic writes of a route, as it is and as a Plan has it. */
export interface RouteFields {
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

/**
 * Compares routes with a Plan's as they would be without generations: there all
 * goes to the main Services themselves. Asked of the cluster as a dry run, so
 * that its defaults are no changes; nothing is written.
 *
 * A route that no router knows has no fields of traffic's.
 */
export async function withoutGenerations(
  cluster: ClusterAccess,
  target: TargetRef,
  signal: AbortSignal,
  routers: Router[] = allRouters,
): Promise<
  (there: KubeObject, planned: KubeObject) => Promise<RouteFields | undefined>
> {
  const live = await readLive(cluster, routers, target, signal);
  return async (there, planned) => {
    const router = routers.find(candidate => candidate.serves(planned));
    if (!router) {
      return undefined;
    }
    return {
      before: plainFields(there, router, live),
      after: await defaulted(
        cluster,
        there,
        plainFields(
          {
            ...planned,
            metadata: {
              ...planned.metadata,
              namespace: there.metadata.namespace,
            },
          },
          router,
          live,
        ),
        signal,
      ),
    };
  };
}

function plainFields(
  route: KubeObject,
  router: Router,
  { backends }: LiveTraffic,
): Record<string, unknown> {
  const { spec } = router.trafficPart(route, [], [], {
    ...backends,
    generations: () => [],
  });
  return (spec ?? {}) as Record<string, unknown>;
}

/** With what the cluster fills in; as they are where it would refuse them. */
async function defaulted(
  { client }: ClusterAccess,
  there: KubeObject,
  fields: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { apiVersion, kind, name, namespace } = refOf(there);
  try {
    const { spec } = await client.apply(
      { apiVersion, kind, metadata: { name, namespace }, spec: fields },
      { fieldManager: TRAFFIC_FIELD_MANAGER, force: true, dryRun: true },
      signal,
    );
    const whole = (spec ?? {}) as Record<string, unknown>;
    return Object.fromEntries(
      Object.keys(fields).map(field => [field, whole[field]]),
    );
  } catch (error) {
    if (error instanceof KubeApiError && [400, 422].includes(error.status)) {
      return fields;
    }
    throw error;
  }
}
