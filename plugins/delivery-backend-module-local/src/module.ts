import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import {
  deliveryConnectionExtensionPoint,
  deliveryReleaseExtensionPoint,
} from '@slipway/backstage-plugin-delivery-node';
import { readLocalConfig } from './config';
import { createLocalConnection, createPlainRenderer } from './connection';
import { startRegistry } from './registry';

/**
 * Turns this machine into everything the delivery plugin needs.
 *
 * @public
 */
export const deliveryModuleLocal = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'local',
  register(env) {
    env.registerInit({
      deps: {
        config: coreServices.rootConfig,
        connections: deliveryConnectionExtensionPoint,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        releases: deliveryReleaseExtensionPoint,
      },
      async init({ config, connections, lifecycle, logger, releases }) {
        const local = readLocalConfig(config, {
          workingDirectory: process.cwd(),
          nodeEnv: process.env.NODE_ENV,
        });
        if (!local) {
          return;
        }
        const { dataDirectory } = local;
        await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
        const registry = await startRegistry({
          directory: join(dataDirectory, 'registry'),
          port: local.registryPort,
          logger,
        });
        lifecycle.addShutdownHook(() => registry.stop());
        releases.setRegistry(registry.access);
        connections.addConnectionFactory({
          type: 'local',
          create: async name =>
            createLocalConnection({
              name,
              dataDirectory,
              registry: registry.access,
              logger,
              renderers: [createPlainRenderer()],
              traffic: local.traffic,
            }),
        });
      },
    });
  },
});
