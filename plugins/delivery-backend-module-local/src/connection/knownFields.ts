/*
 * Which fields of the manifests the local environment acts on. Everything
 * else is told to people by its exact path, never dropped in silence.
 */

/** `true`: acted on, or without any meaning outside a cluster. */
type Known = true | { [field: string]: Known } | { each: Known };

const METADATA: Known = true;

const PROBE: Known = {
  httpGet: { path: true, port: true, scheme: true, httpHeaders: true },
  tcpSocket: { port: true },
  initialDelaySeconds: true,
  periodSeconds: true,
  timeoutSeconds: true,
  successThreshold: true,
  failureThreshold: true,
};

const CONTAINER: Known = {
  name: true,
  image: true,
  imagePullPolicy: true,
  command: true,
  args: true,
  workingDir: true,
  env: {
    each: {
      name: true,
      value: true,
      valueFrom: {
        configMapKeyRef: true,
        secretKeyRef: true,
        fieldRef: true,
      },
    },
  },
  envFrom: { each: { prefix: true, configMapRef: true } },
  ports: { each: { name: true, containerPort: true, protocol: true } },
  startupProbe: PROBE,
  livenessProbe: PROBE,
  readinessProbe: PROBE,
};

const DEPLOYMENT: Known = {
  apiVersion: true,
  kind: true,
  metadata: METADATA,
  spec: {
    replicas: true,
    selector: true,
    template: {
      metadata: METADATA,
      spec: { terminationGracePeriodSeconds: true, containers: true },
    },
  },
};

const SERVICE: Known = {
  apiVersion: true,
  kind: true,
  metadata: METADATA,
  spec: { selector: true, ports: true, type: true },
};

const CONFIG_MAP: Known = {
  apiVersion: true,
  kind: true,
  metadata: METADATA,
  data: true,
  immutable: true,
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function walk(value: unknown, known: Known, path: string): string[] {
  if (known === true) {
    return [];
  }
  if (Array.isArray(value)) {
    const each = 'each' in known ? known.each : undefined;
    return each
      ? value.flatMap((item, index) => walk(item, each, `${path}[${index}]`))
      : [path];
  }
  if (!isRecord(value)) {
    return [];
  }
  return Object.entries(value).flatMap(([field, child]) => {
    const below = path ? `${path}.${field}` : field;
    const knownChild = Object.hasOwn(known, field)
      ? (known as Record<string, Known>)[field]
      : undefined;
    return knownChild ? walk(child, knownChild, below) : [below];
  });
}

/** Paths below the object that are ignored. */
export function ignoredFields(
  kind: 'Deployment' | 'Service' | 'ConfigMap',
  object: unknown,
): string[] {
  const known = {
    Deployment: DEPLOYMENT,
    Service: SERVICE,
    ConfigMap: CONFIG_MAP,
  }[kind];
  return walk(object, known, '');
}

/** The same for the one container that runs. */
export function ignoredContainerFields(
  container: unknown,
  path: string,
): string[] {
  return walk(container, CONTAINER, path);
}
