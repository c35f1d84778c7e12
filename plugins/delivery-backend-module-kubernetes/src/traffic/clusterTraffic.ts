import { LoggerService } from '@backstage/backend-plugin-api';
import { isError } from '@backstage/errors';
import {
  isKnown,
  Observed,
  stringifyTarget,
  TargetRef,
  TrafficState,
} from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import {
  RECORD_CONFIG_MAP_PREFIX,
  REVISION_ANNOTATION,
  targetLabel,
} from '../names';
import { giveWay } from './giveWay';
import { bindObjects } from './bind';
import { ClusterTraffic } from './contract';
import { GatewayFeatures } from './gateway';
import { DataPlane } from './dataPlane';
import { letGo } from './letGo';
import { LiveReader } from './live';
import { observeShares } from './observe';
import { releaseGeneration } from './release';
import { requestShares } from './request';
import { Router } from './router';
import { routers as allRouters } from './routers';

export interface ClusterTrafficOptions {
  cluster: ClusterAccess;
  /** What is only looked at is read here; see `shareLists`. Default: `cluster`. */
  seen?: ClusterAccess;
  logger: LoggerService;
  /** What people look at is read here; it costs the cluster nothing. */
  watched?: LiveReader;
  /** Statistics of the gateways' data plane, where it tells them. */
  metrics?: DataPlane;
  /** What the gateways can do; absent: what all of them can. */
  features?: GatewayFeatures;
  /** Default: all that are known; none: only the ratio of instances. */
  routers?: Router[];
}

/** Traffic of one cluster: by its routes, else by the ratio of ready instances. */
export function createClusterTraffic(
  options: ClusterTrafficOptions,
): ClusterTraffic {
  const { cluster, logger, metrics, watched, routers = allRouters } = options;
  const { seen = cluster, features } = options;
  const context = {
    cluster,
    logger,
    routers,
    metrics,
    mirrorShares: features?.mirrorShares,
  };
  const unknownSince = new Map<string, number>();

  /** The last revision of a target of which nothing is left, from where its fence stands. */
  async function writtenRevision(target: TargetRef, signal: AbortSignal) {
    const found = await cluster.client.get(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: `${RECORD_CONFIG_MAP_PREFIX}${targetLabel(target)}`,
        namespace: await cluster.namespaceOf(target),
      },
      signal,
    );
    return Number(found?.metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;
  }

  /** What was found, with what really flows, and since when it is not known. */
  async function look(
    reader: LiveReader,
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<TrafficState>> {
    const key = stringifyTarget(target);
    const unknown = (text: string) => {
      const sinceMs = unknownSince.get(key) ?? Date.now();
      unknownSince.set(key, sinceMs);
      return { unknown: text, sinceMs };
    };
    try {
      const { observed, live } = await observeShares(
        { routers, cluster: reader },
        target,
        signal,
      );
      if (!isKnown(observed)) {
        return unknown(observed.unknown);
      }
      unknownSince.delete(key);
      if (live.services.length === 0 && live.workloads.length === 0) {
        // Nothing is left that a write could stand on.
        return {
          ...observed,
          reflects: reader === seen ? await writtenRevision(target, signal) : 0,
        };
      }
      const measured = await metrics?.measure(live, signal);
      return measured
        ? { ...observed, known: { ...observed.known, ...measured } }
        : observed;
    } catch (error) {
      signal.throwIfAborted();
      return unknown(isError(error) ? error.message : String(error));
    }
  }

  return {
    fencing: 'compare-and-set',
    capabilities: () => ({
      weights: routers.length > 0,
      measures: metrics !== undefined && routers.length > 0,
      headers: routers.some(({ can }) => can.headers),
      mirror: routers.some(({ can }) => can.mirror),
      mirrorShares: features?.mirrorShares() ?? false,
    }),
    request: (...args) => requestShares(context, ...args),
    release: (...args) => releaseGeneration(context, ...args),
    giveWay: (...args) => giveWay(context, ...args),
    letGo: (...args) => letGo(context, ...args),
    bind: (...args) => bindObjects(context, ...args),
    observe: (target, signal) => look(seen, target, signal),
    ...(watched && {
      glance: (target, signal) => look(watched, target, signal),
    }),
  };
}
