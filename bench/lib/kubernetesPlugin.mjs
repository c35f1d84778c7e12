/*
 * Backstage's own kubernetes plugin, from a folder where it is installed, in a
 * process of its own: the peer of kubernetes-calls.mjs.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

async function start({ folder, entities, cluster }) {
  const require = createRequire(join(folder, 'peer.cjs'));
  const {
    mockServices,
    startTestBackend,
  } = require('@backstage/backend-test-utils');
  const {
    catalogServiceMock,
  } = require('@backstage/plugin-catalog-node/testUtils');
  const {
    version,
  } = require('@backstage/plugin-kubernetes-backend/package.json');
  const backend = await startTestBackend({
    features: [
      require('@backstage/plugin-kubernetes-backend').default,
      catalogServiceMock.factory({ entities }),
      mockServices.rootLogger.factory({ level: 'error' }),
      mockServices.rootConfig.factory({
        data: {
          backend: { baseUrl: 'http://localhost:7007' },
          kubernetes: {
            serviceLocatorMethod: { type: 'multiTenant' },
            clusterLocatorMethods: [
              {
                type: 'config',
                clusters: [
                  {
                    name: 'bench',
                    authProvider: 'serviceAccount',
                    ...cluster,
                  },
                ],
              },
            ],
          },
        },
      }),
    ],
  });
  return { port: backend.server.port(), version };
}

process.on('message', async given => {
  try {
    process.send(await start(given));
  } catch (error) {
    process.send({ error: error.stack });
  }
});
process.on('disconnect', () => process.exit(1));
