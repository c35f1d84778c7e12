import { EnvironmentView } from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { EnvironmentInfo } from '../services/dependencies';

/** What the platform says of an environment, with its connection's notices. */
export function environmentView(
  environment: EnvironmentInfo,
  connection: Connection | undefined,
): EnvironmentView {
  return {
    name: environment.name,
    title: environment.title,
    tier: environment.tier,
    connection: {
      type: environment.connection.type,
      name: environment.connection.name,
    },
    automation: environment.automation,
    queue: environment.queue,
    drift: environment.drift ?? 'tell',
    notices: connection?.notices() ?? [],
  };
}
