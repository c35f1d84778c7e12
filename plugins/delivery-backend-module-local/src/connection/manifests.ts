import { InputError } from '@backstage/errors';
import { PlanObject } from '@slipway/backstage-plugin-delivery-node';
import { z } from 'zod';
import { RunSpec } from '../locald';
import { readEnv } from './containerEnv';
import { ignoredContainerFields, ignoredFields } from './knownFields';
import {
  ContainerManifest,
  configMapSchema,
  deploymentSchema,
} from './manifestSchema';
import { ParsedObject, parseObject, read } from './parsedObject';
import { readPorts, readProbe } from './portsAndProbes';

/*
 * A rendered Plan's Kubernetes objects to what slipway-locald runs: exactly
 * one Deployment with one container of ours, its Service and ConfigMaps.
 */

/** What a Plan means here. */
export interface LocalPlan {
  spec: RunSpec;
  replicas: number;
  /** "apps/v1/Deployment/checkout: spec.strategy" */
  ignored: string[];
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
