import { InputError } from '@backstage/errors';
import { PlanObject } from '@slipway/backstage-plugin-delivery-node';
import { parse } from 'yaml';
import { z } from 'zod';
import { EnvEntry, ProbeSpec, RunSpec } from '../locald';
import { ignoredContainerFields, ignoredFields } from './knownFields';
import {
  ContainerManifest,
  ProbeManifest,
  configMapSchema,
  deploymentSchema,
  serviceSchema,
} from './manifestSchema';

/*
 * A rendered Plan's Kubernetes objects to what slipway-locald runs: exactly
 * one Deployment with one container of ours, its Service and ConfigMaps.
 */

const FIELDS: Record<string, EnvEntry['field']> = {
  'metadata.name': 'name',
  'metadata.namespace': 'environment',
  'status.podIP': 'address',
  'status.hostIP': 'address',
};

/** What a Plan means here. */
export interface LocalPlan {
  spec: RunSpec;
  replicas: number;
  /** "apps/v1/Deployment/checkout: spec.strategy" */
  ignored: string[];
}

interface ParsedObject {
  id: string;
  kind: string;
  value: unknown;
}

function parseObject(object: PlanObject): ParsedObject {
  let value: unknown;
  try {
    value = parse(object.bytes.toString('utf8'));
  } catch (error) {
    throw new InputError(`${object.id} is not valid YAML or JSON`, error);
  }
  const { kind } = z
    .object({ kind: z.string().default('') })
    .catch({ kind: '' })
    .parse(value);
  return { id: object.id, kind, value };
}

function read<T>(schema: z.ZodType<T>, object: ParsedObject): T {
  const result = schema.safeParse(object.value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new InputError(
      `${object.id}: ${issue.path
        .map(part =>
          typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
        )
        .join('')
        .replace(/^\./, '')}: ${issue.message}`,
    );
  }
  return result.data;
}

/**
 * Errors: `InputError` naming the object and the field for anything that
 * makes the Plan impossible to run here.
 */
export function readLocalPlan(
  planId: string,
  objects: PlanObject[],
  images: Record<string, string>,
): LocalPlan {
  const parsed = objects.map(parseObject);
  const ignored: string[] = [];
  const configMaps = new Map<string, Record<string, string>>();
  const deployments: ParsedObject[] = [];
  const services: ParsedObject[] = [];
  for (const object of parsed) {
    switch (object.kind) {
      case 'Deployment':
        deployments.push(object);
        break;
      case 'Service':
        services.push(object);
        break;
      case 'ConfigMap': {
        const { metadata, data } = read(configMapSchema, object);
        configMaps.set(metadata.name, data);
        break;
      }
      default:
        ignored.push(
          `${object.id}: the local environment has no ${
            object.kind || 'such object'
          }`,
        );
        continue;
    }
    ignored.push(
      ...ignoredFields(object.kind, object.value).map(
        path => `${object.id}: ${path}`,
      ),
    );
  }
  if (deployments.length !== 1) {
    throw new InputError(
      deployments.length === 0
        ? `The manifests hold no Deployment, so there is nothing to run locally; found: ${
            parsed.map(({ id }) => id).join(', ') || 'nothing'
          }`
        : `The manifests hold ${deployments.length} Deployments (${deployments
            .map(({ id }) => id)
            .join(', ')}); the local environment runs exactly one`,
    );
  }
  const [object] = deployments;
  const deployment = read(deploymentSchema, object);
  const { containers, terminationGracePeriodSeconds } =
    deployment.spec.template.spec;
  const { container, image, index } = chooseContainer(
    object.id,
    containers,
    images,
  );
  const path = 'spec.template.spec.containers';
  containers.forEach((other, otherIndex) => {
    if (otherIndex !== index) {
      ignored.push(
        `${object.id}: ${path}[${otherIndex}] (container "${
          other.name ?? ''
        }")`,
      );
    }
  });
  const rawContainers = z
    .object({
      spec: z.object({
        template: z.object({
          spec: z.object({ containers: z.array(z.unknown()) }),
        }),
      }),
    })
    .parse(object.value).spec.template.spec.containers;
  ignored.push(
    ...ignoredContainerFields(rawContainers[index], `${path}[${index}]`).map(
      field => `${object.id}: ${field}`,
    ),
  );
  const ports = readPorts(container, services);
  const probes: RunSpec['probes'] = {};
  for (const kind of ['startup', 'liveness', 'readiness'] as const) {
    const manifest = container[`${kind}Probe`];
    const probe = manifest && readProbe(manifest, ports);
    if (probe) {
      probes[kind] = probe;
    } else if (manifest) {
      ignored.push(
        `${object.id}: ${path}[${index}].${kind}Probe (only httpGet and tcpSocket on the service's own port are asked locally)`,
      );
    }
  }
  return {
    replicas: deployment.spec.replicas,
    ignored: [...new Set(ignored)],
    spec: {
      name: deployment.metadata.name,
      planId,
      image,
      ...(container.command && { command: container.command }),
      ...(container.args && { args: container.args }),
      ...(container.workingDir && { workingDir: container.workingDir }),
      env: readEnv(object.id, container, configMaps, ignored),
      listens: ports.main !== undefined,
      probes,
      terminationGraceMs: terminationGracePeriodSeconds * 1000,
    },
  };
}

/** The one container whose image the definition names. */
function chooseContainer(
  id: string,
  containers: ContainerManifest[],
  images: Record<string, string>,
): {
  container: ContainerManifest;
  image: RunSpec['image'];
  index: number;
} {
  const ours = containers.flatMap((container, index) => {
    const entry = Object.entries(images).find(
      ([name, reference]) =>
        container.image === name || container.image === reference,
    );
    return entry
      ? [{ container, index, image: { name: entry[0], reference: entry[1] } }]
      : [];
  });
  if (ours.length === 1) {
    return ours[0];
  }
  const known = Object.keys(images).join(', ') || 'none';
  throw new InputError(
    ours.length === 0
      ? `${id}: no container's image is one of the definition's images (${known}); found ${containers
          .map(({ image }) => `"${image}"`)
          .join(', ')}`
      : `${id}: ${ours.length} containers run images of the definition; the local environment runs exactly one process for an instance`,
  );
}

interface Ports {
  /** The container port that traffic goes to; undefined: it does not listen. */
  main?: number;
  names: Map<string, number>;
}

function readPorts(
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
function readProbe(
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

function readEnv(
  id: string,
  container: ContainerManifest,
  configMaps: Map<string, Record<string, string>>,
  ignored: string[],
): EnvEntry[] {
  const entries: EnvEntry[] = [];
  for (const { prefix = '', configMapRef } of container.envFrom ?? []) {
    if (configMapRef) {
      const data = configMaps.get(configMapRef.name);
      if (!data && !configMapRef.optional) {
        throw missingConfigMap(id, configMapRef.name, configMaps);
      }
      for (const [key, value] of Object.entries(data ?? {})) {
        entries.push({ name: `${prefix}${key}`, value });
      }
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const config = valueFrom?.configMapKeyRef;
    const secret = valueFrom?.secretKeyRef;
    const field = valueFrom?.fieldRef?.fieldPath;
    if (config) {
      const found = configMaps.get(config.name)?.[config.key];
      if (found !== undefined) {
        entries.push({ name, value: found });
      } else if (!config.optional) {
        throw configMaps.has(config.name)
          ? new InputError(
              `${id}: the variable ${name} needs the key "${config.key}", which ConfigMap "${config.name}" does not have`,
            )
          : missingConfigMap(id, config.name, configMaps);
      }
    } else if (secret) {
      entries.push({ name, secret });
    } else if (field !== undefined) {
      if (FIELDS[field]) {
        entries.push({ name, field: FIELDS[field] });
      } else {
        ignored.push(`${id}: the variable ${name} from the field ${field}`);
      }
    } else {
      entries.push({ name, value: value ?? '' });
    }
  }
  return entries;
}

function missingConfigMap(
  id: string,
  name: string,
  configMaps: Map<string, unknown>,
): InputError {
  return new InputError(
    `${id} takes variables from ConfigMap "${name}", which is not among the manifests; found: ${
      [...configMaps.keys()].join(', ') || 'none'
    }`,
  );
}
