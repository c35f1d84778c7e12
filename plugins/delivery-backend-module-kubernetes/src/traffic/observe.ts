import {
  HealthCause,
  Observed,
  TargetRef,
  TrafficRoute,
  TrafficShare,
  TrafficState,
} from '@slipway/backstage-plugin-delivery-common';
import { GENERATION_LABEL } from '../names';
import { describeEditor, editorOf } from './editors';
import { followSelectors } from './followSelectors';
import { LiveReader, LiveRoute, LiveTraffic, readLive, routeId } from './live';
import { readRoutes, readShares, revisionOf } from './marks';
import { TrafficContext } from './context';
import { tellRatio } from './ratio';
import { mainSelector, planSelector } from './selectors';
import { selectorOf } from './services';
import { sharesOf } from './shares';
import { toShares } from './weights';
import { sameValue } from './write';

/** What the cluster says about a target's traffic, before it is measured. */
export async function observeShares(
  context: Pick<TrafficContext, 'routers'> & { cluster: LiveReader },
  target: TargetRef,
  signal: AbortSignal,
): Promise<{ observed: Observed<TrafficState>; live: LiveTraffic }> {
  const live = await readLive(context.cluster, context.routers, target, signal);
  return { observed: judge(live, Date.now()), live };
}

/**
 * Reads the shares in force off the live objects. While a gateway has not taken
 * our last write they are the ones before it, which stand on the main Services;
 * when it refuses, or a route is gone, nobody knows where requests go.
 */
export function judge(
  live: LiveTraffic,
  nowMs: number,
): Observed<TrafficState> {
  const unknown = (text: string) => ({ unknown: text, sinceMs: nowMs });
  const { services, routes, workloads, missingRoutes } = live;
  if (missingRoutes.length > 0) {
    return unknown(
      `${missingRoutes.join(', ')} in namespace ${
        live.namespace
      } is not there any more, or the cluster does not serve its kind any more`,
    );
  }
  const anchors = services.length > 0 ? services : workloads;
  const marked = anchors.filter(anchor => readShares(anchor) !== undefined);
  const told = marked.map(readShares)[0] ?? [];
  let reflects = marked.length > 0 ? Math.min(...marked.map(revisionOf)) : 0;
  if (services.length > 0 && marked.length < services.length) {
    reflects = 0;
  }
  const toldRevision = reflects;
  const toldRoutes = anchors.map(readRoutes)[0] ?? [];
  const causes: HealthCause[] = [];
  const shares: TrafficShare[][] = [];
  const beside: TrafficRoute[][] = [];
  for (const route of routes) {
    const status = route.router.status(route.object);
    if (status.type === 'refused') {
      return unknown(`${status.detail}`);
    }
    const found = sharesOf(route, live, told);
    if (found.type === 'lost') {
      return unknown(
        `${routeId(
          route.object,
        )} sends to none of this service's Services any more; it was changed by ${describeEditor(
          editorOf(route.object, ['spec', 'rules']),
        )}`,
      );
    }
    if (status.type === 'pending') {
      causes.push({
        code: 'route-pending',
        level: 'info',
        summary: status.detail,
        action:
          'When it stays like this, look at the gateway’s controller: does it run, and does it take routes of this namespace?',
        sinceMs: nowMs,
      });
      // A write of ours that was not taken yet is not on the Services yet.
      reflects = Math.min(reflects, Math.max(0, revisionOf(route.object) - 1));
      shares.push(told);
      beside.push(toldRoutes);
      continue;
    }
    reflects = Math.min(reflects, revisionOf(route.object));
    const inRules = route.router.routes(route.object, live.backends);
    const edited =
      found.type === 'changed'
        ? found.where
        : !sameValue(inRules, readRoutes(route.object)) && 'spec.rules';
    if (edited) {
      causes.push(routeEdited(route, edited, nowMs));
    } else if (revisionOf(route.object) > toldRevision) {
      // Accepted, and not yet seen to have reached the data plane.
      causes.push({
        code: 'gateway-behind',
        level: 'info',
        summary: `What ${routeId(
          route.object,
        )} says was accepted and is not known to be in force yet`,
        action:
          'When it stays like this, look whether the gateway’s proxies reach their controller',
        sinceMs: nowMs,
      });
      shares.push(told);
      beside.push(toldRoutes);
      continue;
    }
    shares.push(found.shares);
    beside.push(inRules);
  }
  if (routes.length === 0 && services.length > 0) {
    shares.push(bySelector(live, told, causes, nowMs));
    if (!live.inPlace) {
      causes.push(...tellRatio(live, told, nowMs));
    }
  }
  if (
    live.adopted &&
    marked.some(
      service =>
        services.includes(service) &&
        !sameValue(
          selectorOf(service),
          mainSelector(planSelector(service), live, told),
        ),
    )
  ) {
    // What was there before was rolled by somebody: the selectors have to follow.
    reflects = Math.max(0, reflects - 1);
  }
  if (
    !live.inPlace &&
    !followSelectors(live, services.map(selectorOf), live.endpoints, told)
  ) {
    reflects = Math.max(0, reflects - 1);
    causes.push({
      code: 'endpoints-pending',
      level: 'info',
      summary:
        'The endpoints of the Service are not yet those that its selector takes',
      action:
        'When it stays like this, look at the EndpointSlices of the Service and at the cluster’s controllers',
      sinceMs: nowMs,
    });
  }
  const differing = shares.find(other => !sameValue(other, told));
  const besideShares =
    beside.find(other => !sameValue(other, toldRoutes)) ?? toldRoutes;
  return {
    known: {
      accepted: differing ?? told,
      ...(besideShares.length > 0 && { routes: besideShares }),
      ...(routes.length === 0 && !live.inPlace && { byInstances: true }),
      ...addressOf(live),
      ...(causes.length > 0 && { causes }),
    },
    observedAtMs: nowMs,
    reflects,
  };
}

function routeEdited(
  { object }: LiveRoute,
  where: string,
  nowMs: number,
): HealthCause {
  const editor = editorOf(object, ['spec', 'rules']);
  return {
    code: 'route-edited',
    level: 'warning',
    summary: `${routeId(
      object,
    )} does not give what it was told at ${where}: it was changed by ${describeEditor(
      editor,
    )}`,
    action:
      'It is put right by the next step; put the service on hold to keep a change by hand',
    sinceMs: editor?.atMs ?? nowMs,
  };
}

/** Without a route: what the selectors of the main Services let through. */
function bySelector(
  live: LiveTraffic,
  told: TrafficShare[],
  causes: HealthCause[],
  nowMs: number,
): TrafficShare[] {
  for (const service of live.services) {
    const actual = selectorOf(service);
    const wanted = mainSelector(planSelector(service), live, told);
    if (!sameValue(actual, wanted) && readShares(service)) {
      const editor = editorOf(service, ['spec', 'selector']);
      if (editor) {
        causes.push({
          code: 'selector-edited',
          level: 'warning',
          summary: `Service ${
            service.metadata.name
          } does not select what it should: its selector was changed by ${describeEditor(
            editor,
          )}`,
          evidence: JSON.stringify(actual),
          action:
            'It is put right by the next step; put the service on hold to keep a change by hand',
          sinceMs: editor.atMs ?? nowMs,
        });
      }
      const only = actual[GENERATION_LABEL];
      return only
        ? [{ generation: only, percent: 100 }]
        : toShares(
            live.workloads.flatMap(({ metadata }) => {
              const generation = metadata.labels?.[GENERATION_LABEL];
              return generation
                ? [{ generation, weight: live.readyOf(generation) }]
                : [];
            }),
          );
    }
  }
  return told;
}

function addressOf(live: LiveTraffic): { address?: string } {
  for (const { router, object } of live.routes) {
    const address = router.address(object);
    if (address) {
      return { address };
    }
  }
  const [service] = live.services;
  const { ports = [] } = (service?.spec ?? {}) as {
    ports?: Array<{ port: number }>;
  };
  return service
    ? {
        address: `http://${service.metadata.name}.${live.namespace}.svc${
          ports[0] ? `:${ports[0].port}` : ''
        }`,
      }
    : {};
}
