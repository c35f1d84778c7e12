import {
  OCI_MEDIA_TYPES,
  OciDescriptor,
  OciLayout,
  WrittenLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { Digest } from '@slipway/backstage-plugin-delivery-common';

/** The part of an image's configuration that says how it runs. */
export interface RunConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: {
    Test: string[];
    Interval?: number;
    Timeout?: number;
    StartPeriod?: number;
    StartInterval?: number;
    Retries?: number;
  };
  Shell?: string[];
  OnBuild?: string[];
}

export interface HistoryEntry {
  created?: string;
  created_by?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** An image on its way: what a base brings, and what a build adds. */
export interface ImageState {
  os: string;
  architecture: string;
  author?: string;
  config: RunConfig;
  layers: OciDescriptor[];
  diffIds: Digest[];
  history: HistoryEntry[];
}

/** What Docker calls this machine's processor. */
export function localArchitecture(): string {
  const names: Record<string, string> = { x64: 'amd64', ia32: '386' };
  return names[process.arch] ?? process.arch;
}

export function emptyImage(): ImageState {
  return {
    os: 'linux',
    architecture: localArchitecture(),
    config: {},
    layers: [],
    diffIds: [],
    history: [],
  };
}

export function addLayer(
  image: ImageState,
  layer: WrittenLayer,
  history: HistoryEntry,
): void {
  image.layers.push(layer.descriptor);
  image.diffIds.push(layer.diffId);
  image.history.push(history);
}

/** The same text for the same content, whatever order it was made in. */
function sortKeys<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function sortedConfig(config: RunConfig): RunConfig {
  return sortKeys({
    ...config,
    ...(config.Labels && { Labels: sortKeys(config.Labels) }),
    ...(config.ExposedPorts && {
      ExposedPorts: sortKeys(config.ExposedPorts),
    }),
    ...(config.Volumes && { Volumes: sortKeys(config.Volumes) }),
  });
}

/**
 * Writes an image's configuration and manifest into a layout that has its
 * layers, and names the manifest in the index.
 */
export async function writeImage(
  layout: OciLayout,
  image: ImageState,
  options: { sourceDateEpoch: number; annotations: Record<string, string> },
): Promise<{ digest: Digest; mediaType: string; sizeBytes: number }> {
  const created = new Date(options.sourceDateEpoch * 1000).toISOString();
  const config = await layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        created,
        ...(image.author && { author: image.author }),
        architecture: image.architecture,
        os: image.os,
        config: sortedConfig(image.config),
        rootfs: { type: 'layers', diff_ids: image.diffIds },
        history: image.history,
      }),
    ),
  );
  const annotations = sortKeys({
    'org.opencontainers.image.created': created,
    ...options.annotations,
  });
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MEDIA_TYPES.manifest,
      config: { mediaType: OCI_MEDIA_TYPES.config, ...config },
      layers: image.layers.map(({ mediaType, digest, size }) => ({
        mediaType,
        digest,
        size,
      })),
      annotations,
    }),
  );
  const manifest = await layout.writeBlob(bytes);
  await layout.addToIndex({
    mediaType: OCI_MEDIA_TYPES.manifest,
    ...manifest,
    platform: { os: image.os, architecture: image.architecture },
  });
  const layerBytes = image.layers.reduce((sum, { size }) => sum + size, 0);
  return {
    digest: manifest.digest,
    mediaType: OCI_MEDIA_TYPES.manifest,
    sizeBytes: bytes.length + config.size + layerBytes,
  };
}
