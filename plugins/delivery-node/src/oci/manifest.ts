import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { isDigest } from './digest';

/** Media types of the OCI image specification, and Docker's older ones. @public */
export const OCI_MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layerTar: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  empty: 'application/vnd.oci.empty.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

/** Manifests above this are refused; the specification asks for 4 MiB at least. @public */
export const MANIFEST_MAX_BYTES = 8 * 1024 * 1024;
const MAX_CHILDREN = 1000;
const MAX_DEPTH = 4;

/** @public */
export interface OciDescriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  annotations?: Record<string, string>;
  artifactType?: string;
  platform?: { os: string; architecture: string; variant?: string };
}

/** An image or artifact manifest. @public */
export interface OciManifest {
  kind: 'manifest';
  mediaType: string;
  config: OciDescriptor;
  layers: OciDescriptor[];
  subject?: OciDescriptor;
  artifactType?: string;
  annotations: Record<string, string>;
}

/** A list of manifests. @public */
export interface OciIndex {
  kind: 'index';
  mediaType: string;
  manifests: OciDescriptor[];
  subject?: OciDescriptor;
  artifactType?: string;
  annotations: Record<string, string>;
}

/** How deep indexes may lie in indexes. @public */
export function assertDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new InputError(
      `Image indexes are nested more than ${MAX_DEPTH} levels deep`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function optionalString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parseAnnotations(value: unknown): Record<string, string> {
  if (!isRecord(value)) {
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, text]) =>
      typeof text === 'string' ? [[key, text]] : [],
    ),
  );
}

/**
 * Errors: `InputError`, naming the place.
 *
 * @public
 */
export function parseDescriptor(value: unknown, where: string): OciDescriptor {
  if (!isRecord(value)) {
    throw new InputError(`${where} is not a descriptor object`);
  }
  const { digest, size } = value;
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw new InputError(`${where}.digest is not a digest`);
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new InputError(`${where}.size is not a number of bytes`);
  }
  const mediaType = optionalString(value.mediaType);
  if (!mediaType) {
    throw new InputError(`${where}.mediaType is missing`);
  }
  const descriptor: OciDescriptor = { mediaType, digest, size };
  if (value.annotations !== undefined) {
    descriptor.annotations = parseAnnotations(value.annotations);
  }
  const artifactType = optionalString(value.artifactType);
  if (artifactType) {
    descriptor.artifactType = artifactType;
  }
  const platform = value.platform;
  if (isRecord(platform)) {
    descriptor.platform = {
      os: optionalString(platform.os) ?? '',
      architecture: optionalString(platform.architecture) ?? '',
      ...(typeof platform.variant === 'string' && {
        variant: platform.variant,
      }),
    };
  }
  return descriptor;
}

function parseList(value: unknown, where: string): OciDescriptor[] {
  if (!Array.isArray(value)) {
    throw new InputError(`${where} is not a list of descriptors`);
  }
  if (value.length > MAX_CHILDREN) {
    throw new InputError(
      `${where} has ${value.length} entries; at most ${MAX_CHILDREN} are accepted`,
    );
  }
  return value.map((item, index) =>
    parseDescriptor(item, `${where}[${index}]`),
  );
}

/**
 * Reads the bytes of a manifest or index. Unknown fields are allowed, as the
 * image specification asks; what is used here is checked.
 *
 * Errors: `InputError`, naming the field.
 *
 * @public
 */
export function parseManifest(
  bytes: Buffer,
  where: string,
): OciManifest | OciIndex {
  if (bytes.length > MANIFEST_MAX_BYTES) {
    throw new InputError(
      `${where} has ${bytes.length} bytes; at most ${MANIFEST_MAX_BYTES} are accepted for a manifest`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new InputError(`${where} is not JSON`, error);
  }
  if (!isRecord(value) || value.schemaVersion !== 2) {
    throw new InputError(`${where} is not a manifest of schema version 2`);
  }
  const common = {
    artifactType: optionalString(value.artifactType),
    annotations: parseAnnotations(value.annotations),
    subject:
      value.subject === undefined || value.subject === null
        ? undefined
        : parseDescriptor(value.subject, `${where}: subject`),
  };
  if (value.manifests !== undefined && value.layers === undefined) {
    return {
      kind: 'index',
      mediaType: optionalString(value.mediaType) ?? OCI_MEDIA_TYPES.index,
      manifests: parseList(value.manifests, `${where}: manifests`),
      ...common,
    };
  }
  return {
    kind: 'manifest',
    mediaType: optionalString(value.mediaType) ?? OCI_MEDIA_TYPES.manifest,
    config: parseDescriptor(value.config, `${where}: config`),
    layers: parseList(value.layers, `${where}: layers`),
    ...common,
  };
}
