import { mockServices } from '@backstage/backend-test-utils';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { parseObject, Plan } from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../../client';
import {
  FIELD_MANAGER,
  GENERATION_LABEL,
  generationName,
  ROLE_LABEL,
  TARGET_LABEL,
  targetLabel,
  TRACK_ANNOTATION,
} from '../../names';
import { openTestCluster, TestCluster, TestPlanOptions } from '../../testing';
import {
  ClusterTraffic,
  ClusterTrafficOptions,
  createClusterTraffic,
  createEnvoyMetrics,
  generationService,
  planPart,
  splitTrafficObjects,
  TrafficObjects,
} from '..';

export const quiet = new AbortController().signal;

/** A target on the real cluster whose instances the test itself brings up. */
export interface TrafficTarget {
  target: TargetRef;
  name: string;
  /** Deployment and Services of a generation; waits until all is ready. */
  bring(
    generation: string,
    options?: Partial<TestPlanOptions> & { track?: string; ready?: boolean },
  ): Promise<void>;
  /** Writes the Plan's Services and routes as the room `apply` does. */
  bind(
    change?: (objects: TrafficObjects) => void,
    takeOver?: boolean,
  ): Promise<void>;
  track(generation: string, track: string): Promise<void>;
  scale(generation: string, replicas: number): Promise<void>;
  remove(generation: string): Promise<void>;
  /** Asks for shares until they are in force: `{ stable: 90, canary: 10 }`. */
  share(shares: Record<string, number>): Promise<void>;
  get(kind: string, name?: string): Promise<KubeObject>;
}

export interface TrafficWorld extends TestCluster {
  traffic: ClusterTraffic;
  newTraffic(options?: Partial<ClusterTrafficOptions>): ClusterTraffic;
  open(options?: {
    route?: boolean;
    traffic?: ClusterTraffic;
    target?: TargetRef;
  }): Promise<TrafficTarget>;
}

const KINDS: Record<string, string> = {
  Service: 'v1',
  Deployment: 'apps/v1',
  HTTPRoute: 'gateway.networking.k8s.io/v1',
  GRPCRoute: 'gateway.networking.k8s.io/v1',
};

export function toShares(shares: Record<string, number>) {
  return Object.entries(shares).map(([generation, percent]) => ({
    generation,
    percent,
  }));
}

/** The objects of a Plan in a namespace, marked as a target's. */
export function objectsOf(plan: Plan, namespace: string): KubeObject[] {
  return plan.objects.map(planned => {
    const object = parseObject(planned) as KubeObject;
    return {
      ...object,
      metadata: {
        ...object.metadata,
        namespace,
        labels: {
          ...object.metadata.labels,
          [TARGET_LABEL]: targetLabel(plan.target),
        },
      },
    };
  });
}

export function splitPlan(objects: KubeObject[]): TrafficObjects {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  const spec = deployment?.spec as DeploymentSpec;
  return splitTrafficObjects(objects, spec.template.metadata.labels).traffic;
}

interface DeploymentSpec {
  selector: { matchLabels: Record<string, string> };
  template: { metadata: { labels: Record<string, string> } };
  [field: string]: unknown;
}

export async function openTrafficWorld(): Promise<TrafficWorld> {
  const world = await openTestCluster();
  const { client, namespace } = world;
  const newTraffic = (options: Partial<ClusterTrafficOptions> = {}) =>
    createClusterTraffic({
      cluster: world.cluster,
      logger: mockServices.logger.mock(),
      ...(world.gatewayMetricsUrl && {
        metrics: createEnvoyMetrics({
          urls: [new URL(world.gatewayMetricsUrl)],
        }),
      }),
      ...options,
    });
  const shared = newTraffic();

  async function apply(object: KubeObject, force = false) {
    return await client.apply(
      object,
      { fieldManager: FIELD_MANAGER, force },
      quiet,
    );
  }

  async function open(
    options: {
      route?: boolean;
      traffic?: ClusterTraffic;
      target?: TargetRef;
    } = {},
  ): Promise<TrafficTarget> {
    const { route = true, traffic = shared } = options;
    const { target = world.newTarget() } = options;
    const name = world.nameOf(target);
    const marks = { [TARGET_LABEL]: targetLabel(target) };
    let revision = 0;
    const planOf = async (version: string, rest: Partial<TestPlanOptions>) =>
      objectsOf(
        await world.plan(target, { version, route, ...rest }),
        namespace,
      );
    const ref = (kind: string, object = name) => ({
      apiVersion: KINDS[kind],
      kind,
      name: object,
      namespace,
    });

    async function get(kind: string, object = name) {
      const found = await client.get(ref(kind, object), quiet);
      if (!found) {
        throw new Error(`${kind} ${object} is not there`);
      }
      return found;
    }

    return {
      target,
      name,
      get,
      async bring(generation, { track, ready = true, ...rest } = {}) {
        const objects = await planOf(generation, rest);
        for (const object of objects) {
          if (object.kind === 'ConfigMap') {
            await apply(object, true);
          }
          if (object.kind !== 'Deployment') {
            continue;
          }
          const spec = object.spec as DeploymentSpec;
          const labels = { ...marks, [GENERATION_LABEL]: generation };
          for (const service of splitPlan(objects).services) {
            await apply(generationService(service, target, generation));
          }
          await apply({
            ...object,
            metadata: {
              name: generationName(name, generation),
              namespace,
              labels: { ...labels, [ROLE_LABEL]: 'workload' },
              annotations: { [TRACK_ANNOTATION]: track ?? generation },
            },
            spec: {
              ...spec,
              selector: {
                matchLabels: { ...spec.selector.matchLabels, ...labels },
              },
              template: {
                ...spec.template,
                metadata: {
                  labels: { ...spec.template.metadata.labels, ...labels },
                },
              },
            },
          });
        }
        if (ready) {
          await poll(`${generation} is ready`, async () => {
            const { items } = await client.list(
              { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
              {
                namespace,
                labelSelector: `kubernetes.io/service-name=${generationName(
                  name,
                  generation,
                )}`,
              },
              quiet,
            );
            const endpoints = items.flatMap(
              slice =>
                (slice.endpoints ?? []) as Array<{
                  conditions: { ready?: boolean };
                }>,
            );
            return (
              endpoints.filter(({ conditions }) => conditions.ready).length ===
              (rest.replicas ?? 1)
            );
          });
        }
      },
      async bind(change, takeOver = false) {
        const objects = splitPlan(await planOf('any', {}));
        change?.(objects);
        revision += 1;
        for (const service of objects.services) {
          await apply(planPart(service), takeOver);
        }
        const fence = { epoch: 1, revision };
        await traffic.bind(target, fence, objects, { takeOver }, quiet);
        for (const planned of objects.routes) {
          await apply(planPart(planned), takeOver);
        }
      },
      async track(generation, track) {
        await client.patch(
          ref('Deployment', generationName(name, generation)),
          { metadata: { annotations: { [TRACK_ANNOTATION]: track } } },
          { fieldManager: FIELD_MANAGER },
          quiet,
        );
      },
      async scale(generation, replicas) {
        await client.patch(
          ref('Deployment', generationName(name, generation)),
          { spec: { replicas } },
          { fieldManager: FIELD_MANAGER },
          quiet,
        );
      },
      async remove(generation) {
        await traffic.release(
          target,
          { epoch: 1, revision },
          generation,
          quiet,
        );
        for (const kind of ['Deployment', 'Service']) {
          await client.delete(
            ref(kind, generationName(name, generation)),
            { propagation: 'Background' },
            quiet,
          );
        }
      },
      async share(shares) {
        revision += 1;
        const fence = { epoch: 1, revision };
        await poll(`shares ${JSON.stringify(shares)}`, async () => {
          await traffic.request(target, fence, toShares(shares), quiet);
          const now = await traffic.observe(target, quiet);
          return (
            'known' in now &&
            now.reflects >= revision &&
            JSON.stringify(now.known.accepted) ===
              JSON.stringify(
                toShares(shares).filter(({ percent }) => percent > 0),
              )
          );
        });
      },
    };
  }

  return { ...world, traffic: shared, newTraffic, open };
}
