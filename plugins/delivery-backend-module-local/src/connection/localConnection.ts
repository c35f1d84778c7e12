import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { createCheck } from './check';
import { LocaldClient } from './client';
import { createJobs } from './jobs';
import { createLogProvider } from './logProvider';
import { createMetricProvider } from './metricProvider';
import { createOperations } from './operations';
import { createTrafficRouter } from './trafficRouter';
import { LocalConnectionOptions } from './types';
import { createLiveSource } from './watch';
import { createWorkloads } from './workloads';

/** The embedded runtime as a connection of the engine. */
export function createLocalConnection(
  options: LocalConnectionOptions,
): Connection {
  const client = new LocaldClient(options);
  return {
    type: 'local',
    name: options.name,
    notices: () => [
      'The local environment isolates nothing: services run as plain processes of this machine, with its Node and its user, and can read what that user can read.',
    ],
    renderers: options.renderers,
    workloads: createWorkloads(client, options),
    traffic: createTrafficRouter(client),
    jobs: createJobs(client, options),
    live: createLiveSource(client, options.logger),
    operations: createOperations(client),
    metrics: [createMetricProvider(client)],
    logs: createLogProvider(client),
    check: createCheck(client, options.registry),
  };
}
