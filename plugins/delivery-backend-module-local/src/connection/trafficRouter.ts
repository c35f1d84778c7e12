import { ServiceUnavailableError } from '@backstage/errors';
import { TrafficRouter } from '@slipway/backstage-plugin-delivery-node';
import { LocaldClient } from './client';
import { observe, targetPath } from './observe';

export function createTrafficRouter(client: LocaldClient): TrafficRouter {
  return {
    fencing: 'compare-and-set',
    capabilities: () => ({
      weights: true,
      measures: true,
      headers: true,
      mirror: true,
    }),
    async request(target, fence, shares, signal, routes = []) {
      await client.call({
        method: 'PUT',
        path: targetPath(target, 'shares'),
        body: { ...fence, shares, routes },
        signal,
      });
    },
    observe(target, signal) {
      return observe(
        client,
        target,
        signal,
        ({ traffic, routerProblem }) => {
          if (routerProblem) {
            throw new ServiceUnavailableError(routerProblem);
          }
          return traffic;
        },
        { accepted: [] },
      );
    },
  };
}
