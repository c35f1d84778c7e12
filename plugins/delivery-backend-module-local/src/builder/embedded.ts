import { mkdir } from 'node:fs/promises';
import { InputError } from '@backstage/errors';
import {
  BuildRequest,
  BuildResult,
  ImageBuilder,
  OciLayout,
  createRegistryClient,
} from '@slipway/backstage-plugin-delivery-node';
import { baseRepository } from './base';
import { localArchitecture, writeImage } from './image';
import { DEFAULT_BASE_IMAGE } from './baseImage';
import {
  buildDockerfile,
  imagesOfDockerfile,
  refusalOfDockerfile,
} from './dockerfile';

import { LayerCache } from './layerCache';
import { buildNodeService } from './nodeService';

const BUILDER_ID = 'embedded';
/** Raised when the same inputs would give another digest. */
const BUILDER_VERSION = '1';

/** @public */
export interface EmbeddedBuilderOptions {
  /** For layers and pulled base images; safe to delete when nothing builds. */
  cacheDirectory: string;
  /** What Node services without a Dockerfile are laid on. */
  baseImage?: string;
  /** Hosts that npm tarballs may come from besides the configured registry. */
  packageHosts?: string[];
}

/**
 * Builds without a daemon, root or containers: Dockerfiles without RUN, and
 * Node services without a Dockerfile. The same commit gives the same digest.
 *
 * @public
 */
export function createEmbeddedBuilder(
  options: EmbeddedBuilderOptions,
): ImageBuilder {
  async function build(request: BuildRequest): Promise<BuildResult> {
    const { cacheDirectory } = options;
    request.signal.throwIfAborted();
    await mkdir(cacheDirectory, { recursive: true });
    const layout = await OciLayout.create(request.layout);
    const shared = {
      layout,
      cache: await LayerCache.open(cacheDirectory),
      cacheDirectory,
    };
    const built =
      request.build.dockerfile === undefined
        ? await buildNodeService(request, {
            ...shared,
            baseImage: options.baseImage ?? DEFAULT_BASE_IMAGE,
            packageHosts: options.packageHosts,
          })
        : await buildDockerfile(request, shared);
    const { image, base } = built;
    image.config.Labels = { ...image.config.Labels, ...request.annotations };
    const written = await writeImage(layout, image, {
      sourceDateEpoch: request.sourceDateEpoch,
      annotations: {
        ...request.annotations,
        ...(base && {
          'org.opencontainers.image.base.name': base.name.split('@')[0],
          'org.opencontainers.image.base.digest': base.digest,
        }),
      },
    });
    request.log(`Built ${written.digest}, ${written.sizeBytes} bytes`);
    return {
      ...written,
      inputs: {
        ...built.inputs,
        ...(base && { base: base.name }),
        builder: `${BUILDER_ID}/${BUILDER_VERSION}`,
        sourceDateEpoch: String(request.sourceDateEpoch),
      },
      builder: { id: BUILDER_ID, version: BUILDER_VERSION },
    };
  }

  return {
    id: BUILDER_ID,

    async refuses(model, workspace) {
      if (model.dockerfile === undefined) {
        return undefined;
      }
      try {
        return await refusalOfDockerfile(model, workspace);
      } catch (error) {
        if (error instanceof InputError) {
          return error.message;
        }
        throw error;
      }
    },

    async fingerprint({ build: model, workspace, registry, signal }) {
      const bases =
        model.dockerfile === undefined
          ? [options.baseImage ?? DEFAULT_BASE_IMAGE]
          : await imagesOfDockerfile(model, workspace);
      const client = createRegistryClient(registry);
      const inputs: Record<string, string> = {
        builder: `${BUILDER_ID}/${BUILDER_VERSION}`,
        architecture: localArchitecture(),
      };
      for (const base of bases) {
        const { repository, reference } = baseRepository(base, registry);
        const found = await client.headManifest(repository, reference, signal);
        if (!found) {
          // The build itself says what is missing, with file and line.
          return undefined;
        }
        inputs[`base:${base}`] = found.digest;
      }
      return inputs;
    },

    build,
  };
}
