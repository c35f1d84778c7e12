import { InputError, NotFoundError } from '@backstage/errors';
import {
  createRegistryClient,
  isDigest,
  OCI_MEDIA_TYPES,
  OciLayout,
  parseReference,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { z } from 'zod';
import {
  HistoryEntry,
  ImageState,
  localArchitecture,
  RunConfig,
} from './image';

const CONFIG_MAX_BYTES = 4 * 1024 * 1024;

const strings = z.array(z.string());
const named = z.record(z.string(), z.object({}).passthrough());

/** Nulls are what Go programs write for "not set". */
const imageConfigSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  author: z.string().nullish(),
  config: z
    .object({
      User: z.string().nullish(),
      ExposedPorts: named.nullish(),
      Env: strings.nullish(),
      Entrypoint: strings.nullish(),
      Cmd: strings.nullish(),
      Volumes: named.nullish(),
      WorkingDir: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      StopSignal: z.string().nullish(),
      Healthcheck: z
        .object({
          Test: strings,
          Interval: z.number().optional(),
          Timeout: z.number().optional(),
          StartPeriod: z.number().optional(),
          StartInterval: z.number().optional(),
          Retries: z.number().optional(),
        })
        .nullish(),
      Shell: strings.nullish(),
      OnBuild: strings.nullish(),
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string().refine(isDigest)) }),
  history: z
    .array(
      z.object({
        created: z.string().optional(),
        created_by: z.string().optional(),
        comment: z.string().optional(),
        empty_layer: z.boolean().optional(),
      }),
    )
    .nullish(),
});

function dropUnset(config: Record<string, unknown> | null | undefined) {
  return Object.fromEntries(
    Object.entries(config ?? {}).filter(
      ([, value]) => value !== null && value !== undefined && value !== '',
    ),
  ) as RunConfig;
}

/** A base image that was resolved and pulled. */
export interface BaseImage {
  /** `repository@digest`, for annotations and provenance. */
  name: string;
  digest: Digest;
  state: ImageState;
}

/**
 * The repository in the platform's registry that a reference of a Dockerfile
 * means: without a host, or with the host of the registry itself.
 *
 * Errors: `InputError` for other hosts.
 */
export function baseRepository(
  reference: string,
  registry: RegistryAccess,
): { repository: string; reference: string } {
  const parsed = parseReference(reference);
  if (parsed.host && parsed.host !== registry.host) {
    throw new InputError(
      `Base image "${reference}" lies in the registry ${parsed.host}; base images come from the platform's registry. Copy it there and write the name without a host`,
    );
  }
  return {
    // One name without a folder means the library, as everywhere.
    repository: parsed.repository.includes('/')
      ? parsed.repository
      : `library/${parsed.repository}`,
    reference: parsed.digest ?? parsed.tag ?? 'latest',
  };
}

/**
 * Resolves a base image to a digest and brings its blobs into `layout`.
 *
 * Errors: `InputError` when the registry does not have it or it is not usable.
 */
export async function pullBase(
  reference: string,
  options: {
    registry: RegistryAccess;
    /** Where pulled blobs are kept for the next build. */
    cache: OciLayout;
    layout: OciLayout;
    signal: AbortSignal;
  },
): Promise<BaseImage> {
  const { registry, cache, layout, signal } = options;
  const wanted = baseRepository(reference, registry);
  const client = createRegistryClient(registry);
  let digest: Digest;
  try {
    const pulled = await client.pullToLayout(
      wanted.repository,
      wanted.reference,
      cache,
      { platform: { os: 'linux', architecture: localArchitecture() }, signal },
    );
    digest = pulled.manifest.digest;
  } catch (error) {
    if (error instanceof NotFoundError) {
      throw new InputError(
        `Base image "${reference}" is not in the platform's registry ${registry.host}; push it there as ${wanted.repository}`,
        error,
      );
    }
    throw error;
  }
  const { manifest } = await cache.readManifest(digest);
  if (manifest.kind !== 'manifest') {
    throw new InputError(`Base image "${reference}" is not an image`);
  }
  const bytes = await cache.readBlob(manifest.config.digest, {
    maxBytes: CONFIG_MAX_BYTES,
  });
  const parsed = imageConfigSchema.safeParse(
    JSON.parse(bytes.toString('utf8')),
  );
  if (!parsed.success) {
    throw new InputError(
      `Base image "${reference}" has an unusable configuration: ${parsed.error.issues[0].path.join(
        '.',
      )}: ${parsed.error.issues[0].message}`,
    );
  }
  const { data } = parsed;
  if (data.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new InputError(
      `Base image "${reference}" has ${manifest.layers.length} layers and ${data.rootfs.diff_ids.length} digests of them`,
    );
  }
  for (const layer of manifest.layers) {
    await layout.importBlob(cache, layer.digest);
  }
  return {
    name: `${wanted.repository}@${digest}`,
    digest,
    state: {
      os: data.os,
      architecture: data.architecture,
      ...(data.author && { author: data.author }),
      config: dropUnset(data.config),
      layers: manifest.layers.map(layer => ({
        ...layer,
        mediaType:
          layer.mediaType === OCI_MEDIA_TYPES.dockerLayer
            ? OCI_MEDIA_TYPES.layerGzip
            : layer.mediaType,
      })),
      diffIds: data.rootfs.diff_ids,
      history: (data.history ?? []) as HistoryEntry[],
    },
  };
}
