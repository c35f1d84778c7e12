import { LoggerService } from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import {
  AddedMetricProvider,
  Connection,
  ConnectionFactory,
} from '@slipway/backstage-plugin-delivery-node';
import { withMetrics } from './addedMetrics';
import { createRetryingConnection } from './retryingConnection';

export interface ConnectionsOptions {
  environments: Array<{
    name: string;
    connection: { type: string; name: string };
  }>;
  factories: ConnectionFactory[];
  /** Metrics that do not come from the connections. */
  metricProviders?: AddedMetricProvider[];
  logger: LoggerService;
  signal: AbortSignal;
}

/**
 * The connection of each environment, by the environment's name. Environments
 * that name the same connection share it.
 *
 * Errors: `InputError` when no installed module makes connections of a type.
 * A connection that does not start is no error: its environment is unknown.
 */
export async function createConnections(
  options: ConnectionsOptions,
): Promise<Map<string, Connection>> {
  const { environments, factories, logger, signal } = options;
  const { metricProviders = [] } = options;
  assertEnvironments(options);
  const shared = new Map<string, Promise<Connection>>();
  const connections = new Map<string, Connection>();
  for (const [index, environment] of environments.entries()) {
    const { type, name } = environment.connection;
    const factory = factories.find(candidate => candidate.type === type);
    if (!factory) {
      throw new InputError(
        `No module makes connections of the type "${type}" (delivery.environments[${index}].connection.type of "${
          environment.name
        }"): expected one of ${
          factories.map(candidate => candidate.type).join(', ') ||
          '(none: no connection module is installed, or it is not enabled)'
        }. Add the backend module for "${type}", or change the type`,
      );
    }
    const key = JSON.stringify([type, name]);
    const connection =
      shared.get(key) ??
      createRetryingConnection({ factory, name, logger, signal });
    shared.set(key, connection);
    connections.set(
      environment.name,
      withMetrics(
        await connection,
        metricProviders
          .filter(({ environments: of }) => of.includes(environment.name))
          .map(({ provider }) => provider),
      ),
    );
  }
  return connections;
}

/** A name that nobody knows is a typo, and its metrics would never be asked. */
function assertEnvironments({
  environments,
  metricProviders = [],
}: ConnectionsOptions): void {
  const names = environments.map(({ name }) => name);
  for (const { provider, environments: measured } of metricProviders) {
    const unknown = measured.find(name => !names.includes(name));
    if (unknown) {
      throw new InputError(
        `The metric provider "${
          provider.id
        }" measures the environment "${unknown}", which is not in delivery.environments: expected one of ${names.join(
          ', ',
        )}`,
      );
    }
  }
}
