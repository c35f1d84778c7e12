import {
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { KubeObject } from '../client';
import { ROUTES_ANNOTATION, SELECTOR_ANNOTATION } from '../names';
import { LiveTraffic } from './live';
import { marks, readJson } from './marks';
import { Router } from './router';
import { mainSelector, planSelector } from './selectors';

/** All that traffic owns of an object: applied whole, each time. */
export interface TrafficPart {
  spec?: Record<string, unknown>;
  annotations: Record<string, string>;
}

export function servicePart(
  service: KubeObject,
  live: LiveTraffic,
  fence: Fence,
  shares: TrafficShare[],
  routes: TrafficRoute[],
): TrafficPart {
  const base = planSelector(service);
  const routeIds = readJson(service, ROUTES_ANNOTATION) ?? [];
  return {
    spec: { selector: mainSelector(base, live, shares) },
    annotations: {
      ...marks(fence, shares, routes),
      [SELECTOR_ANNOTATION]: JSON.stringify(base),
      [ROUTES_ANNOTATION]: JSON.stringify(routeIds),
    },
  };
}

export function routePart(
  route: KubeObject,
  router: Router,
  live: Pick<LiveTraffic, 'backends' | 'inPlace'>,
  fence: Fence,
  shares: TrafficShare[],
  routes: TrafficRoute[],
): TrafficPart {
  const { spec, annotations } = router.trafficPart(
    route,
    // Kubernetes replaces the pods behind the main Service itself.
    live.inPlace ? [] : shares,
    live.inPlace ? [] : routes,
    live.backends,
  );
  return {
    ...(spec !== undefined && { spec: spec as Record<string, unknown> }),
    annotations: { ...annotations, ...marks(fence, shares, routes) },
  };
}
