import { isError } from '@backstage/errors';
import { KnownMetric } from '@slipway/backstage-plugin-delivery-common';
import {
  AddedMetricProvider,
  Connection,
  MetricProvider,
} from '@slipway/backstage-plugin-delivery-node';

/** The metrics that definitions may name beside those that everybody knows. */
export function addedMetrics(added: AddedMetricProvider[]): KnownMetric[] {
  const metrics = new Map<string, KnownMetric>();
  for (const metric of added.flatMap(({ provider }) => provider.metrics())) {
    if (!metrics.has(metric.name)) {
      metrics.set(metric.name, { minSamples: 1, ...metric });
    }
  }
  return [...metrics.values()];
}

/**
 * The connection with more metric providers before its own. They are told what
 * the connection's world calls the generation.
 */
export function withMetrics(
  connection: Connection,
  providers: MetricProvider[],
): Connection {
  if (providers.length === 0) {
    return connection;
  }
  const added = providers.map(provider => withLabels(provider, connection));
  return new Proxy(connection, {
    get(actual, name) {
      if (name === 'metrics') {
        return [...added, ...actual.metrics];
      }
      // Accessors and methods of the connection see itself.
      const value: unknown = Reflect.get(actual, name, actual);
      return typeof value === 'function' ? value.bind(actual) : value;
    },
  });
}

function withLabels(
  provider: MetricProvider,
  connection: Connection,
): MetricProvider {
  return {
    id: provider.id,
    metrics: () => provider.metrics(),
    async query(query, signal) {
      try {
        const labels = await connection.metricLabels?.(
          query.target,
          query.generation,
          signal,
        );
        return await provider.query(
          { ...query, ...(labels && { labels }) },
          signal,
        );
      } catch (error) {
        signal.throwIfAborted();
        return {
          query: '',
          outcome: {
            type: 'error',
            message: `What ${
              query.generation
            } is called in its environment is not known: ${
              isError(error) ? error.message : String(error)
            }`,
          },
        };
      }
    },
  };
}
