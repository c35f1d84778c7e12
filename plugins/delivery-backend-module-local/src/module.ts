import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  LoggerService,
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';
import {
  RegistryAccess,
  deliveryConnectionExtensionPoint,
  deliveryReleaseExtensionPoint,
  plainRenderer,
  readRegistryConfig,
} from '@slipway/backstage-plugin-delivery-node';
import { createEmbeddedBuilder, makeBaseImage } from './builder';
import { LocalConfig, readLocalConfig } from './config';
import { createLocalConnection } from './connection';
import { createLocalGitFetcher } from './git';
import { createPeers } from './peers';
import { StartedRegistry, startRegistry } from './registry';
import { keepRegistryPort, keptRegistryPort } from './registryPort';
import { createNpmScanner } from './scanner';

/** The base image has a digest of its own for as long as this does not change. */
const BASE_IMAGE_EPOCH = Date.UTC(2026, 0, 1) / 1000;

async function openRegistry(
  local: LocalConfig,
  logger: LoggerService,
): Promise<StartedRegistry> {
  const registry = await startRegistry({
    directory: join(local.dataDirectory, 'registry'),
    port: local.registryPort ?? (await keptRegistryPort(local.dataDirectory)),
    logger,
  });
  await keepRegistryPort(local.dataDirectory, registry.port);
  return registry;
}

async function ensureBaseImage(
  registry: RegistryAccess,
  logger: LoggerService,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-base-'));
  try {
    const { repository, tag, digest } = await makeBaseImage({
      registry,
      directory,
      sourceDateEpoch: BASE_IMAGE_EPOCH,
    });
    logger.info(`The base image is ${repository}:${tag}@${digest}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Turns this machine into everything the delivery plugin needs: source
 * fetcher, registry, builder, scanner and the connection type `local`.
 *
 * @public
 */
export const deliveryModuleLocal = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'local',
  register(env) {
    env.registerInit({
      deps: {
        auth: coreServices.auth,
        catalog: catalogServiceRef,
        config: coreServices.rootConfig,
        connections: deliveryConnectionExtensionPoint,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        releases: deliveryReleaseExtensionPoint,
      },
      async init(services) {
        const { auth, catalog, connections, logger, releases } = services;
        const local = readLocalConfig(services.config, {
          workingDirectory: process.cwd(),
          nodeEnv: process.env.NODE_ENV,
        });
        if (!local) {
          logger.info(
            'The local environment is off (delivery.local.enabled is not true)',
          );
          return;
        }
        const { dataDirectory } = local;
        await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
        let registry = readRegistryConfig(services.config);
        if (!registry) {
          const embedded = await openRegistry(local, logger);
          services.lifecycle.addShutdownHook(() => embedded.stop());
          await ensureBaseImage(embedded.access, logger);
          releases.setRegistry(embedded.access);
          registry = embedded.access;
        }
        const access = registry;
        const cache = join(dataDirectory, 'cache');
        releases.addSourceFetcher(
          createLocalGitFetcher({
            allowedRoots: local.gitRoots,
            allowedHosts: local.gitHosts,
            cacheDirectory: join(cache, 'git'),
          }),
        );
        releases.addImageBuilder(
          createEmbeddedBuilder({
            cacheDirectory: join(cache, 'builder'),
            packageHosts: local.packageHosts,
          }),
        );
        releases.setImageScanner(
          createNpmScanner({ advisories: local.advisories }),
        );
        const peers = createPeers({ auth, catalog });
        connections.addConnectionFactory({
          type: 'local',
          create: async name =>
            createLocalConnection({
              name,
              dataDirectory,
              registry: access,
              logger,
              renderers: [plainRenderer],
              peers,
              traffic: local.traffic,
            }),
        });
      },
    });
  },
});
