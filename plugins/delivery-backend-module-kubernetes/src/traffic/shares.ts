import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';
import { LiveRoute, LiveTraffic } from './live';
import { readRoutes, readShares } from './marks';
import { routePart } from './parts';
import { RouteSplit } from './router';
import { toShares } from './weights';
import { sameValue } from './write';

/** All weights of a route, by the Service that they are given to. */
export function weightsInForce(
  { object, router }: LiveRoute,
  live: Pick<LiveTraffic, 'backends'>,
): Array<{ service: string; weight: number }> {
  return router.splits(object, live.backends).flatMap(({ main, weights }) =>
    weights.map(({ generation, weight }) => ({
      service: generation ? live.backends.name(main, generation) : main,
      weight,
    })),
  );
}

/** Backends without weight come and go with the generations. */
function given({ weights, ...rest }: RouteSplit): RouteSplit {
  return { ...rest, weights: weights.filter(({ weight }) => weight > 0) };
}

/** What a route does with requests, compared with what we wrote to it. */
export type RouteShares =
  | { type: 'as-written'; shares: TrafficShare[] }
  /** Somebody else changed the weights at `where`. */
  | { type: 'changed'; shares: TrafficShare[]; where: string }
  /** It sends to none of the target's Services. */
  | { type: 'lost' };

/**
 * The shares that a route gives. As written they are exactly those that were
 * asked for; else they are computed from the weights at the first place that
 * differs. What goes to a main Service itself counts as `inMain`.
 */
export function sharesOf(
  route: LiveRoute,
  live: LiveTraffic,
  inMain: TrafficShare[],
): RouteShares {
  const { object, router } = route;
  const splits = router.splits(object, live.backends);
  if (splits.length === 0) {
    return { type: 'lost' };
  }
  const written = readShares(object) ?? [];
  const part = routePart(
    object,
    router,
    live,
    { epoch: 0, revision: 0 },
    written,
    readRoutes(object),
  );
  const expected = router.splits(
    {
      ...object,
      ...(part.spec && { spec: { ...(object.spec as object), ...part.spec } }),
    },
    live.backends,
  );
  const different = splits.find(
    (split, index) =>
      !sameValue(given(split), expected[index] && given(expected[index])),
  );
  if (!different) {
    return { type: 'as-written', shares: written };
  }
  return {
    type: 'changed',
    where: different.where,
    shares: toShares(
      different.weights.flatMap(({ generation, weight }) =>
        generation
          ? [{ generation, weight }]
          : inMain.map(share => ({
              generation: share.generation,
              weight: (weight * share.percent) / 100,
            })),
      ),
    ),
  };
}
