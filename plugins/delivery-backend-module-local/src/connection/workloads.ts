import { Workloads } from '@slipway/backstage-plugin-delivery-node';
import { EnsureRequest } from '../locald';
import { LocaldClient } from './client';
import { checkImage, registryAddress } from './image';
import { readLocalPlan } from './manifests';
import { observe, targetPath } from './observe';
import { secretReferences } from './references';
import { LocalConnectionOptions } from './types';

export function createWorkloads(
  client: LocaldClient,
  options: LocalConnectionOptions,
): Workloads {
  return {
    fencing: 'compare-and-set',
    async inspect(objects, images, target, { jobs = [] } = {}) {
      const { spec, replicas, ignored } = readLocalPlan(
        '',
        // What runs as a hook is not ignored.
        objects.filter(
          ({ id }) => !jobs.some(job => id.endsWith(`/Job/${job}`)),
        ),
        images,
      );
      const { secrets } = await checkImage(
        client,
        options.registry,
        spec,
        target,
      );
      return {
        replicas,
        ignored,
        references: secretReferences(spec, secrets),
      };
    },
    async ensure(target, fence, { generation, plan, track, replicas }, signal) {
      const { spec } = readLocalPlan(plan.id, plan.objects, plan.images);
      const body: EnsureRequest = {
        ...fence,
        spec,
        track,
        replicas,
        registry: await registryAddress(options.registry),
        peers: (await options.peers?.(target.environment)) ?? [],
        traffic: options.traffic?.(target),
      };
      await client.call({
        method: 'PUT',
        path: targetPath(target, 'generations', generation),
        body,
        signal,
      });
    },
    observe(target, signal) {
      return observe(
        client,
        target,
        signal,
        ({ generations }) => ({ generations }),
        { generations: [] },
      );
    },
    async remove(target, fence, generation, signal) {
      await client.call({
        method: 'DELETE',
        path: targetPath(target, 'generations', generation),
        body: fence,
        signal,
      });
    },
  };
}
