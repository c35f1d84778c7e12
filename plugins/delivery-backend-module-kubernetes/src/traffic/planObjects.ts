import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';
import {
  GENERATION_LABEL,
  generationName,
  ROLE_LABEL,
  SERVICE_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { TrafficObjects } from './contract';
import { Router } from './router';
import { routers as allRouters } from './routers';
import { selectorOf } from './services';

/**
 * Tells the objects of a Plan apart that traffic has fields in: Services that
 * select pods with these labels, and routes that send to such a Service.
 */
export function splitTrafficObjects(
  objects: KubeObject[],
  podLabels: Record<string, string>,
  routers: Router[] = allRouters,
): { traffic: TrafficObjects; others: KubeObject[] } {
  const services = objects.filter(object => selects(object, podLabels));
  const names = new Set(services.map(({ metadata }) => metadata.name));
  const routes = objects.filter(object =>
    routers.some(
      router =>
        router.serves(object) &&
        router.backends(object).some(name => names.has(name)),
    ),
  );
  const ours = new Set([...services, ...routes]);
  return {
    traffic: { services, routes },
    others: objects.filter(object => !ours.has(object)),
  };
}

function selects(
  object: KubeObject,
  podLabels: Record<string, string>,
): boolean {
  if (object.kind !== 'Service' || object.apiVersion !== 'v1') {
    return false;
  }
  const selector = Object.entries(selectorOf(object));
  return (
    selector.length > 0 &&
    selector.every(([label, value]) => podLabels[label] === value)
  );
}

/**
 * What `slipway` applies of a main Service or a route: everything but the
 * fields that traffic writes, marked for traffic to find it again.
 */
export function planPart(
  object: KubeObject,
  routers: Router[] = allRouters,
): KubeObject {
  const router = routers.find(candidate => candidate.serves(object));
  const marked: KubeObject = {
    ...object,
    metadata: {
      ...object.metadata,
      labels: {
        ...object.metadata.labels,
        [ROLE_LABEL]: router ? 'route' : 'main-service',
      },
    },
  };
  if (router) {
    return router.planPart(marked);
  }
  const { selector, ...spec } = marked.spec as Record<string, unknown>;
  return { ...marked, spec };
}

/** Fields that the API server gives out itself, one for each Service. */
const OF_ONE_SERVICE = [
  'clusterIP',
  'clusterIPs',
  'externalIPs',
  'healthCheckNodePort',
  'loadBalancerIP',
  'loadBalancerClass',
  'loadBalancerSourceRanges',
  'allocateLoadBalancerNodePorts',
  'externalTrafficPolicy',
  'type',
];

/**
 * The Service of one generation beside a main Service of the Plan: what a
 * route gives weight to, and where its ready endpoints are counted. A plain
 * cluster-internal one, whatever the main one is.
 */
export function generationService(
  main: KubeObject,
  target: TargetRef,
  generation: string,
): KubeObject {
  const spec = Object.fromEntries(
    Object.entries(main.spec as Record<string, unknown>).filter(
      ([field]) => !OF_ONE_SERVICE.includes(field),
    ),
  );
  const ports = Array.isArray(spec.ports) ? spec.ports : [];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: generationName(main.metadata.name, generation),
      ...(main.metadata.namespace && { namespace: main.metadata.namespace }),
      labels: {
        ...main.metadata.labels,
        [TARGET_LABEL]: targetLabel(target),
        [GENERATION_LABEL]: generation,
        [ROLE_LABEL]: 'generation-service',
      },
      annotations: {
        ...foreignAnnotations(main),
        [SERVICE_ANNOTATION]: main.metadata.name,
      },
    },
    spec: {
      ...spec,
      selector: { ...selectorOf(main), [GENERATION_LABEL]: generation },
      ports: ports.map(({ nodePort, ...port }) => port),
    },
  };
}

/** How a gateway is to speak with a Service often stands in its annotations. */
function foreignAnnotations({ metadata }: KubeObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(
      ([name]) =>
        !name.startsWith('slipway.dev/') && !name.startsWith('kubectl.'),
    ),
  );
}
