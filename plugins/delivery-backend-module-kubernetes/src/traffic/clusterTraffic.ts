import { LoggerService } from '@backstage/backend-plugin-api';
import { isError } from '@backstage/errors';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import { bindObjects } from './bind';
import { ClusterTraffic } from './contract';
import { GatewayMetrics } from './gatewayMetrics';
import { observeShares } from './observe';
import { releaseGeneration } from './release';
import { requestShares } from './request';
import { Router } from './router';
import { routers as allRouters } from './routers';

export interface ClusterTrafficOptions {
  cluster: ClusterAccess;
  logger: LoggerService;
  /** Statistics of the gateways' data plane, where it tells them. */
  metrics?: GatewayMetrics;
  /** Default: all that are known; none: only the ratio of instances. */
  routers?: Router[];
}

/** Traffic of one cluster: by its routes, else by the ratio of ready instances. */
export function createClusterTraffic(
  options: ClusterTrafficOptions,
): ClusterTraffic {
  const { cluster, logger, metrics, routers = allRouters } = options;
  const context = { cluster, logger, routers, metrics };
  const unknownSince = new Map<string, number>();

  return {
    fencing: 'compare-and-set',
    capabilities: () => ({
      weights: routers.length > 0,
      measures: metrics !== undefined && routers.length > 0,
      headers: false,
      mirror: false,
    }),
    request: (...args) => requestShares(context, ...args),
    release: (...args) => releaseGeneration(context, ...args),
    bind: (...args) => bindObjects(context, ...args),
    async observe(target, signal) {
      const key = stringifyTarget(target);
      const unknown = (text: string) => {
        const sinceMs = unknownSince.get(key) ?? Date.now();
        unknownSince.set(key, sinceMs);
        return { unknown: text, sinceMs };
      };
      try {
        const { observed, live } = await observeShares(context, target, signal);
        if (!('known' in observed)) {
          return unknown(observed.unknown);
        }
        unknownSince.delete(key);
        const measured = await metrics?.measure(live, signal);
        return measured
          ? { ...observed, known: { ...observed.known, ...measured } }
          : observed;
      } catch (error) {
        signal.throwIfAborted();
        return unknown(isError(error) ? error.message : String(error));
      }
    },
  };
}
