import { Readable } from 'node:stream';
import {
  digestOf,
  OCI_MEDIA_TYPES,
  RegistryClient,
} from '@slipway/backstage-plugin-delivery-node';
import { BuiltImage } from '@slipway/backstage-plugin-delivery-common';

const EMPTY = Buffer.from('{}');

async function upload(
  client: RegistryClient,
  repository: string,
  bytes: Buffer,
  signal: AbortSignal,
) {
  const digest = digestOf(bytes);
  await client.uploadBlob(
    repository,
    { digest, size: bytes.length, open: () => Readable.from([bytes]) },
    signal,
  );
  return { digest, size: bytes.length };
}

/**
 * Publishes a document about an image beside it, found through the image's
 * digest. The same document is the same artefact; pushing it twice is once.
 *
 * Source: "Guidelines for Artifact Usage" of the OCI image specification 1.1.
 */
export async function pushReferrer(
  client: RegistryClient,
  image: BuiltImage,
  document: { mediaType: string; bytes: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const { repository } = image;
  const subject = await client.getManifest(repository, image.digest, signal);
  if (!subject) {
    throw new Error(`The registry has no ${repository}@${image.digest}`);
  }
  const config = await upload(client, repository, EMPTY, signal);
  const layer = await upload(client, repository, document.bytes, signal);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MEDIA_TYPES.manifest,
      artifactType: document.mediaType,
      config: { mediaType: OCI_MEDIA_TYPES.empty, ...config },
      layers: [{ mediaType: document.mediaType, ...layer }],
      subject: {
        mediaType: image.mediaType,
        digest: image.digest,
        size: subject.bytes.length,
      },
    }),
  );
  await client.putManifest(
    repository,
    digestOf(manifest),
    manifest,
    OCI_MEDIA_TYPES.manifest,
    signal,
  );
}
