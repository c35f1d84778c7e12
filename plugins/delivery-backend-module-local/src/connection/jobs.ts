import { InputError, NotFoundError } from '@backstage/errors';
import {
  JobState,
  ServiceRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  isMapping,
  Jobs,
  parseObject,
  PlanObject,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';
import { RunSpec } from '../locald';
import { LocaldClient } from './client';
import { checkImage, registryAddress } from './image';
import { readLocalPlan } from './manifests';

/**
 * What a Job of the manifests means here: its pod as one process that runs
 * once, with the ConfigMaps of the Plan. How often Kubernetes would try it
 * again does not matter here: it runs once.
 *
 * Errors: `InputError` when there is no such Job or it cannot run here.
 */
export function readLocalJob(
  planId: string,
  objects: PlanObject[],
  images: Record<string, string>,
  job: string,
): RunSpec {
  const configMaps: PlanObject[] = [];
  let found: PlanObject | undefined;
  for (const object of objects) {
    const content = parseObject(object);
    const { metadata, spec } = content ?? {};
    if (content?.kind === 'ConfigMap') {
      configMaps.push(object);
    } else if (
      content?.kind === 'Job' &&
      isMapping(metadata) &&
      metadata.name === job
    ) {
      const template = isMapping(spec) ? spec.template : undefined;
      found = {
        ...object,
        bytes: Buffer.from(
          JSON.stringify({
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name: job },
            spec: { replicas: 1, template },
          }),
        ),
      };
    }
  }
  if (!found) {
    throw new InputError(`The manifests hold no Job "${job}"`);
  }
  const { spec } = readLocalPlan(planId, [found, ...configMaps], images);
  return { ...spec, listens: false, probes: {} };
}

/** Jobs of Plans as processes of slipway-locald that run once. */
export function createJobs(
  client: LocaldClient,
  options: {
    registry: RegistryAccess;
    peers?: (environment: string) => Promise<ServiceRef[]>;
  },
): Jobs {
  const path = (target: Parameters<Jobs['observe']>[0], key: string) => [
    'targets',
    stringifyTarget(target),
    'jobs',
    key,
  ];
  return {
    fencing: 'compare-and-set',
    async inspect(objects, images, target, job) {
      const spec = readLocalJob('', objects, images, job);
      await checkImage(client, options.registry, spec, target);
    },
    async start(target, fence, plan, job, key, signal) {
      await client.call({
        method: 'PUT',
        path: path(target, key),
        body: {
          ...fence,
          job,
          generation: `job-${job}`,
          spec: readLocalJob(plan.id, plan.objects, plan.images, job),
          registry: await registryAddress(options.registry),
          peers: (await options.peers?.(target.environment)) ?? [],
        },
        signal,
      });
    },
    async observe(target, key, signal) {
      try {
        const known = await client.call<JobState>({
          method: 'GET',
          path: path(target, key),
          signal,
        });
        return { known, observedAtMs: Date.now(), reflects: 0 };
      } catch (error) {
        if (error instanceof NotFoundError) {
          return {
            known: { phase: 'absent' },
            observedAtMs: Date.now(),
            reflects: 0,
          };
        }
        return {
          unknown: error instanceof Error ? error.message : String(error),
          sinceMs: Date.now(),
        };
      }
    },
    async stop(target, fence, key, signal) {
      await client.call({
        method: 'DELETE',
        path: path(target, key),
        body: fence,
        signal,
      });
    },
  };
}
