import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  PlanObjects,
  TrafficRouter,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import { ConnectionHarness } from '@slipway/backstage-plugin-delivery-node/testing';
import { readLines } from '../client';
import { GENERATION_LABEL, TARGET_LABEL, targetLabel } from '../names';
import { TestCluster } from './testCluster';

/**
 * As the contract suites want it: what the engine does before it brings a new
 * generation up (phase `before`) is done here.
 */
export function contractHarness(options: {
  world: Pick<
    TestCluster,
    'newTarget' | 'plan' | 'request' | 'close' | 'client' | 'namespace'
  >;
  workloads: Workloads;
  traffic: TrafficRouter;
  objects: PlanObjects;
  /** Plans have a route. */
  route: boolean;
}): ConnectionHarness {
  const { world, workloads, traffic, objects, route } = options;
  const connection: Pick<Connection, 'workloads' | 'traffic' | 'objects'> = {
    traffic,
    objects,
    workloads: {
      ...workloads,
      async ensure(target, fence, wish, signal) {
        await objects.apply(target, fence, wish.plan, 'before', signal);
        await workloads.ensure(target, fence, wish, signal);
      },
    },
  };
  return {
    connection: connection as Connection,
    newTarget: world.newTarget,
    plan: (target, sample) => world.plan(target, { ...sample, route }),
    request: world.request,
    answered: (target, generation) => answeredBy(world, target, generation),
    close: world.close,
  };
}

/** A line of the test service for each request that it has answered. */
const ANSWERED = / [A-Z]+ \S+ \d{3}$/;

/** How many requests the pods of a generation have answered, by their logs. */
export async function answeredBy(
  { client, namespace }: Pick<TestCluster, 'client' | 'namespace'>,
  target: TargetRef,
  generation: string,
): Promise<number> {
  const quiet = AbortSignal.timeout(30_000);
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Pod' },
    {
      namespace,
      labelSelector: `${TARGET_LABEL}=${targetLabel(
        target,
      )},${GENERATION_LABEL}=${generation}`,
    },
    quiet,
  );
  let count = 0;
  for (const { metadata } of items) {
    const log = client.logs(
      { namespace, name: metadata.name },
      { container: 'app' },
      quiet,
    );
    for await (const line of readLines(log)) {
      count += ANSWERED.test(line) ? 1 : 0;
    }
  }
  return count;
}
