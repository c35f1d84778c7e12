import { NotFoundError } from '@backstage/errors';
import {
  MeasurementOutcome,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { MetricProvider } from '@slipway/backstage-plugin-delivery-node';
import { METRICS } from '../locald';
import { LocaldClient } from './client';
import { targetPath } from './observe';

export function createMetricProvider(client: LocaldClient): MetricProvider {
  return {
    id: 'local-router',
    metrics: () => METRICS.map(metric => ({ ...metric })),
    async query({ target, generation, metric, fromMs, toMs }, signal) {
      const query = `${metric} of generation ${generation} at the router of ${stringifyTarget(
        target,
      )}, ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`;
      try {
        const outcome = await client.call<MeasurementOutcome>({
          method: 'GET',
          path: targetPath(target, 'metrics'),
          query: { generation, metric, from: fromMs, to: toMs },
          signal,
        });
        return { outcome, query };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        return {
          outcome:
            error instanceof NotFoundError
              ? { type: 'no-data', detail: message }
              : { type: 'error', message },
          query,
        };
      }
    },
  };
}
