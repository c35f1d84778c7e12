import { isError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { MetricLabels } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { KubeObject } from '../client';
import {
  GENERATION_LABEL,
  generationName,
  ROLE_LABEL,
  ROUTES_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { LiveReader } from './live';

/** What is asked for each window of each metric changes with deployments only. */
const REMEMBERED_MS = 5_000;
const MOST_REMEMBERED = 1_000;

/** How metrics of a cluster name a generation: for `Connection.metricLabels`. */
export function createMetricLabels(options: {
  cluster: ClusterAccess;
  /** Asked first, as it costs the cluster nothing. */
  watched?: LiveReader;
  clock?: () => number;
}): (
  target: TargetRef,
  generation: string,
  signal: AbortSignal,
) => Promise<MetricLabels> {
  const { cluster, watched, clock = Date.now } = options;
  const remembered = new Map<
    string,
    { untilMs: number; objects: Record<'services' | 'workloads', KubeObject[]> }
  >();

  function listFrom(
    { client }: LiveReader,
    namespace: string,
    label: string,
    signal: AbortSignal,
  ) {
    return async (apiVersion: string, kind: string) =>
      (
        await client.list(
          { apiVersion, kind },
          {
            namespace,
            labelSelector: `${TARGET_LABEL}=${label}`,
            metadataOnly: true,
          },
          signal,
        )
      ).items;
  }

  /** `undefined`: the watch is lost, or does not know the generation yet. */
  async function glance(
    namespace: string,
    target: TargetRef,
    generation: string,
    signal: AbortSignal,
  ) {
    if (!watched) {
      return undefined;
    }
    try {
      const list = listFrom(watched, namespace, targetLabel(target), signal);
      const [services, workloads] = await Promise.all([
        list('v1', 'Service'),
        list('apps/v1', 'Deployment'),
      ]);
      return workloads.some(
        ({ metadata }) => metadata.labels?.[GENERATION_LABEL] === generation,
      )
        ? { services, workloads }
        : undefined;
    } catch (error) {
      if (isError(error) && error.name === 'ServiceUnavailableError') {
        return undefined;
      }
      throw error;
    }
  }

  async function read(
    namespace: string,
    target: TargetRef,
    signal: AbortSignal,
  ) {
    const label = targetLabel(target);
    const known = remembered.get(label);
    if (known && known.untilMs > clock()) {
      return known.objects;
    }
    const list = listFrom(cluster, namespace, label, signal);
    const [services, workloads] = await Promise.all([
      list('v1', 'Service'),
      list('apps/v1', 'Deployment'),
    ]);
    const objects = { services, workloads };
    remembered.delete(label);
    remembered.set(label, { untilMs: clock() + REMEMBERED_MS, objects });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MOST_REMEMBERED) {
        break;
      }
      remembered.delete(oldest);
    }
    return objects;
  }

  return async (target, generation, signal) => {
    const namespace = await cluster.namespaceOf(target);
    const { services, workloads } =
      (await glance(namespace, target, generation, signal)) ??
      (await read(namespace, target, signal));
    const mains = services.filter(
      ({ metadata }) => metadata.labels?.[ROLE_LABEL] === 'main-service',
    );
    // Of several the one that requests from outside come to.
    const main =
      mains.find(
        ({ metadata }) =>
          (metadata.annotations?.[ROUTES_ANNOTATION] ?? '[]') !== '[]',
      ) ?? mains[0];
    const workload = workloads.find(
      ({ metadata }) => metadata.labels?.[GENERATION_LABEL] === generation,
    );
    return {
      namespace,
      ...(main && {
        mainService: main.metadata.name,
        service: generationName(main.metadata.name, generation),
      }),
      ...(workload && { workload: workload.metadata.name }),
    };
  };
}
