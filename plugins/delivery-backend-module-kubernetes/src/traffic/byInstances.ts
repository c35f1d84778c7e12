import { setTimeout as delay } from 'node:timers/promises';
import {
  stringifyTarget,
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { generationName } from '../names';
import { TrafficContext } from './context';
import { readEndpoints } from './endpoints';
import { LiveTraffic } from './live';
import { marks } from './marks';
import { put } from './put';
import { notWhole, serves, tooMany } from './ratio';

const LEAVING_WITHIN_MS = 3_000;
const LOOK_EVERY_MS = 50;

/**
 * Without a route: writes on the Deployments which shares their instances are
 * to make, for whoever sizes them. `false`: there are more of one than its
 * share allows, and the Services do not take it yet; or not all are ready of
 * the one that is to have everything. They stay as they are, and with them the
 * revision that `observe` tells: the engine brings the instances to their
 * number first, and comes again.
 */
export async function fitInstances(
  context: TrafficContext,
  target: TargetRef,
  live: LiveTraffic,
  fence: Fence,
  shares: TrafficShare[],
  signal: AbortSignal,
): Promise<boolean> {
  const fitting = { ...live };
  fitting.workloads = await Promise.all(
    live.workloads.map(workload =>
      put(
        context,
        workload,
        { annotations: marks(fence, shares) },
        undefined,
        signal,
      ),
    ),
  );
  const [short] = notWhole(fitting, shares);
  if (short) {
    context.logger.debug(
      `Traffic of ${stringifyTarget(target)} stays where it is: ${
        short.generation
      } is to have all of it, and less than ${
        short.needed
      } instances of it are ready`,
    );
    return false;
  }
  // What gets requests already would not get fewer by waiting.
  const coming = shares.filter(({ generation }) => !serves(live, generation));
  const beyond = (seen: Pick<LiveTraffic, 'workloads' | 'readyOf'>) =>
    tooMany(seen, shares).filter(({ generation }) =>
      coming.some(share => share.generation === generation),
    );
  const mains = live.services.map(({ metadata }) => metadata.name);
  for (const endMs = Date.now() + LEAVING_WITHIN_MS; ; ) {
    const [first] = beyond(fitting);
    if (!first) {
      return true;
    }
    const isWanted = beyond({ ...fitting, readyOf: () => 0 }).length > 0;
    if (isWanted || Date.now() > endMs) {
      context.logger.debug(
        `Traffic of ${stringifyTarget(target)} stays where it is: ${
          first.generation
        } has more than ${
          first.most
        } instances, which is what its share allows`,
      );
      return false;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
    const endpoints = await readEndpoints(
      context.cluster,
      live.namespace,
      target,
      signal,
    );
    fitting.readyOf = generation =>
      Math.min(
        ...mains.map(
          main => endpoints.get(generationName(main, generation))?.size ?? 0,
        ),
      );
  }
}
