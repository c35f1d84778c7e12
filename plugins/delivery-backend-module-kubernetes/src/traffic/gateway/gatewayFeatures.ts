import { Config } from '@backstage/config';
import { LoggerService } from '@backstage/backend-plugin-api';
import { ClusterAccess } from '../../clusterAccess';

/** https://gateway-api.sigs.k8s.io/geps/gep-3171/ */
const PERCENTAGE_MIRROR = 'HTTPRouteRequestPercentageMirror';
const CLASSES = '/apis/gateway.networking.k8s.io/v1/gatewayclasses';
const ASK_AGAIN_MS = 600_000;
const ANSWER_LIMIT_MS = 10_000;

interface GatewayClass {
  status?: { supportedFeatures?: Array<string | { name?: string }> };
}

/** What the gateways of a cluster can do beyond what all of them can. */
export interface GatewayFeatures {
  /**
   * Whether they copy a share of the requests. One that does not know shares
   * takes a route with one all the same, and copies everything, so this has to
   * be known before. As far as is known now; costs nothing to ask.
   */
  mirrorShares(): boolean;
}

/**
 * What the platform says of the gateways, else what all GatewayClasses publish
 * as their features; where one publishes nothing, it is not known.
 */
export function createGatewayFeatures(options: {
  cluster: Pick<ClusterAccess, 'name' | 'client'>;
  logger: LoggerService;
  /** `delivery.kubernetes.gatewayFeatures` of this cluster. */
  stated?: { mirrorShares?: boolean };
  clock?: () => number;
}): GatewayFeatures {
  const { cluster, logger, stated, clock = Date.now } = options;
  let published = false;
  let askedAtMs: number | undefined;

  async function ask() {
    const { items = [] } = await cluster.client.raw<{ items?: GatewayClass[] }>(
      { method: 'GET', path: CLASSES },
      AbortSignal.timeout(ANSWER_LIMIT_MS),
    );
    published =
      items.length > 0 &&
      items.every(({ status }) =>
        (status?.supportedFeatures ?? []).some(
          feature =>
            (typeof feature === 'string' ? feature : feature.name) ===
            PERCENTAGE_MIRROR,
        ),
      );
  }

  return {
    mirrorShares() {
      if (stated?.mirrorShares !== undefined) {
        return stated.mirrorShares;
      }
      const nowMs = clock();
      if (askedAtMs === undefined || nowMs - askedAtMs > ASK_AGAIN_MS) {
        askedAtMs = nowMs;
        ask().catch(error => {
          logger.debug(
            `Cluster ${cluster.name}: what its gateways can do is not known: ${error}`,
          );
        });
      }
      return published;
    },
  };
}

const KEY = 'delivery.kubernetes.gatewayFeatures';

/** `delivery.kubernetes.gatewayFeatures: [{ cluster, mirrorShares }]`, by cluster. */
export function readGatewayFeatures(
  config: Config,
): Map<string, { mirrorShares?: boolean }> {
  return new Map(
    (config.getOptionalConfigArray(KEY) ?? []).map(entry => [
      entry.getString('cluster'),
      { mirrorShares: entry.getOptionalBoolean('mirrorShares') },
    ]),
  );
}
