import { Condition, Route, Service, timeMs } from './objects';
import { NamedCause } from './types';

/** A controller has this long to say something about a route. */
const PATIENCE_MS = 10_000;

/** Why a route does not lead to its backends. `services`: absent when they are not known. */
export function causeOfRoute(
  route: Route,
  services: readonly Service[] | undefined,
  nowMs: number,
): NamedCause | undefined {
  const { kind, metadata, status } = route;
  const name = `The ${kind} ${metadata.name}`;
  const wrongPort = services && portMismatch(route, services);
  if (wrongPort) {
    return {
      code: wrongPort.service ? 'route-port-mismatch' : 'service-missing',
      summary: wrongPort.service
        ? `${name} sends to port ${wrongPort.port} of the Service ${wrongPort.name}, which has none`
        : `${name} sends to the Service ${wrongPort.name}, which is missing`,
      evidence: wrongPort.service
        ? `its ports are ${(wrongPort.service.spec?.ports ?? [])
            .map(({ port }) => port)
            .join(', ')}`
        : `services of the namespace: ${
            services.map(service => service.metadata.name).join(', ') || 'none'
          }`,
      action: wrongPort.service
        ? "Name one of the Service's ports in backendRefs"
        : 'Correct the name in backendRefs, or add the Service to the manifests',
      sinceMs: timeMs(metadata.creationTimestamp) ?? nowMs,
    };
  }
  const parents = status?.parents ?? [];
  const current = (condition: Condition) =>
    (condition.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  for (const { parentRef, conditions = [] } of parents) {
    const refused = conditions.find(
      condition =>
        current(condition) &&
        condition.status === 'False' &&
        ['Accepted', 'ResolvedRefs'].includes(condition.type),
    );
    if (refused) {
      const accepted = refused.type === 'ResolvedRefs';
      return {
        code: accepted ? 'route-backend-unresolved' : 'route-not-accepted',
        summary: accepted
          ? `${name} has a backend that the Gateway ${parentRef?.name} cannot find`
          : `The Gateway ${parentRef?.name} does not take ${name.replace(
              'The',
              'the',
            )}`,
        evidence: `${refused.reason}: ${refused.message}`,
        action: accepted
          ? 'Correct the backendRefs (name, port, namespace)'
          : actionFor(refused.reason),
        sinceMs: timeMs(refused.lastTransitionTime) ?? nowMs,
      };
    }
  }
  const createdMs = timeMs(metadata.creationTimestamp) ?? 0;
  if (parents.length === 0 && nowMs - createdMs > PATIENCE_MS) {
    return {
      code: 'route-unseen',
      summary: `No Gateway controller has looked at ${name.replace(
        'The',
        'the',
      )}`,
      evidence: `parentRefs: ${
        (route.spec?.parentRefs ?? [])
          .map(
            parent =>
              `${parent.namespace ?? metadata.namespace}/${parent.name}`,
          )
          .join(', ') || 'none'
      }`,
      action:
        'See whether this Gateway exists and its controller runs; the names in parentRefs must be exact',
      sinceMs: createdMs || nowMs,
    };
  }
  return undefined;
}

function actionFor(reason: string | undefined): string {
  switch (reason) {
    case 'NotAllowedByListeners':
      return "The Gateway's listener must allow routes of this namespace and kind (allowedRoutes)";
    case 'NoMatchingListenerHostname':
      return "Use a host name that one of the Gateway's listeners has";
    case 'NoMatchingParent':
      return 'Correct sectionName or port in parentRefs';
    default:
      return 'The message of the controller says why';
  }
}

function portMismatch(route: Route, services: readonly Service[]) {
  const backends = (route.spec?.rules ?? []).flatMap(
    ({ backendRefs }) => backendRefs ?? [],
  );
  for (const { kind = 'Service', name, namespace, port } of backends) {
    const local =
      kind === 'Service' &&
      (namespace === undefined || namespace === route.metadata.namespace);
    const service = services.find(({ metadata }) => metadata.name === name);
    if (
      local &&
      !service?.spec?.ports?.some(candidate => candidate.port === port)
    ) {
      return { name, port, service };
    }
  }
  return undefined;
}
