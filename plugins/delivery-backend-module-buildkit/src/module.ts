import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { deliveryReleaseExtensionPoint } from '@slipway/backstage-plugin-delivery-node';
import { createBuildkitBuilder } from './builder';
import { readBuildkitConfig } from './config';

/**
 * Adds BuildKit to what builds images, when `delivery.buildkit` is configured.
 *
 * @public
 */
export const deliveryModuleBuildkit = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'buildkit',
  register(env) {
    env.registerInit({
      deps: {
        config: coreServices.rootConfig,
        logger: coreServices.logger,
        releases: deliveryReleaseExtensionPoint,
      },
      async init({ config, logger, releases }) {
        const buildkit = readBuildkitConfig(config, {
          BUILDKIT_HOST: process.env.BUILDKIT_HOST,
        });
        if (!buildkit) {
          logger.debug('BuildKit is off (delivery.buildkit is not configured)');
          return;
        }
        releases.addImageBuilder(createBuildkitBuilder(buildkit));
        logger.info(`Dockerfiles are built by BuildKit at ${buildkit.address}`);
      },
    });
  },
});
