import { InputError } from '@backstage/errors';
import { ProbeSpec } from '../locald';
import {
  ContainerManifest,
  ProbeManifest,
  serviceSchema,
} from './manifestSchema';
import { ParsedObject, read } from './parsedObject';

/** The ports of a container, and how traffic and probes reach it. */
export interface Ports {
  /** The container port that traffic goes to; undefined: it does not listen. */
  main?: number;
  names: Map<string, number>;
}

/** Errors: `InputError` for a Service that sends to a port that is not there. */
export function readPorts(
  container: ContainerManifest,
  services: ParsedObject[],
): Ports {
  const names = new Map<string, number>();
  for (const { name, containerPort } of container.ports ?? []) {
    if (name) {
      names.set(name, containerPort);
    }
  }
  const target = services
    .map(service => read(serviceSchema, service))
    .flatMap(({ spec }) => spec.ports ?? [])
    .map(({ port, targetPort }) => targetPort ?? port)[0];
  const main =
    typeof target === 'string'
      ? names.get(target)
      : target ?? container.ports?.[0]?.containerPort;
  if (typeof target === 'string' && main === undefined) {
    throw new InputError(
      `The Service sends its traffic to the port "${target}", which the container does not declare; it declares ${
        [...names.keys()].join(', ') || 'none'
      }`,
    );
  }
  return { ...(main !== undefined && { main }), names };
}

/** `undefined`: a kind of probe, or another port, that cannot be asked here. */
export function readProbe(
  manifest: ProbeManifest,
  ports: Ports,
): ProbeSpec | undefined {
  const { httpGet, tcpSocket } = manifest;
  const asked = httpGet?.port ?? tcpSocket?.port;
  const port = typeof asked === 'string' ? ports.names.get(asked) : asked;
  if (
    port === undefined ||
    port !== ports.main ||
    httpGet?.scheme === 'HTTPS'
  ) {
    return undefined;
  }
  return {
    kind: httpGet ? 'http' : 'tcp',
    path: httpGet?.path ?? '/',
    headers: Object.fromEntries(
      (httpGet?.httpHeaders ?? []).map(({ name, value }) => [name, value]),
    ),
    initialDelayMs: (manifest.initialDelaySeconds ?? 0) * 1000,
    periodMs: Math.max(100, (manifest.periodSeconds ?? 10) * 1000),
    timeoutMs: Math.max(100, (manifest.timeoutSeconds ?? 1) * 1000),
    successThreshold: manifest.successThreshold ?? 1,
    failureThreshold: manifest.failureThreshold ?? 3,
  };
}
