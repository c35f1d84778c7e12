import { isError } from '@backstage/errors';
import { BuiltImage } from '@slipway/backstage-plugin-delivery-common';
import {
  DigestMismatchError,
  OciLayout,
  RegistryClient,
} from '@slipway/backstage-plugin-delivery-node';
import { ReleaseCheckpoint } from '../checkpoint';
import { requireBuild, requireRegistry, requireScan } from '../requirements';
import { Stage, StageContext } from '../types';
import { tagOf } from '../version';

/**
 * Pushes and tags. A tag that names other bytes (the same version, built again
 * with a newer base) is left alone, and one with the digest in it is used.
 */
async function pushTagged(
  { folders, release, log, signal }: StageContext,
  client: RegistryClient,
  image: BuiltImage,
  digest: string,
) {
  const layout = await OciLayout.open(folders.layout(image.name));
  const { repository } = image;
  const tag = tagOf(release.version);
  try {
    const result = await client.pushLayout(layout, digest, repository, {
      tag,
      signal,
    });
    return { result, tag };
  } catch (error) {
    if (!isError(error) || error.name !== 'ConflictError') {
      throw error;
    }
    const other = `${tag}-${digest.slice('sha256:'.length).slice(0, 12)}`;
    log(`${image.name}: ${error.message}. The tag ${other} is used`);
    const result = await client.pushLayout(layout, digest, repository, {
      tag: other,
      signal,
    });
    return { result, tag: other };
  }
}

/** Exactly the scanned bytes, to the registry. */
export const pushStage: Stage = {
  name: 'push',
  needs: ['layouts'],
  async run(context) {
    const { release, store, log, signal } = context;
    const { access, client } = requireRegistry(context);
    const pushes: NonNullable<ReleaseCheckpoint['pushes']> = {};
    const images: BuiltImage[] = [];
    let uploadedBytes = 0;
    for (const image of release.images) {
      const { digest } = requireScan(context, image.name);
      const { result, tag } = await pushTagged(context, client, image, digest);
      const there = await client.headManifest(image.repository, digest, signal);
      if (result.digest !== digest || there?.digest !== digest) {
        throw new DigestMismatchError(
          `${image.repository} was pushed as ${
            there?.digest ?? 'nothing'
          } where ${digest} was scanned; it is not deployed`,
        );
      }
      const reference = `${image.repository}:${tag}@${digest}`;
      pushes[image.name] = {
        digest,
        tag,
        // As machines pull it.
        reference: `${access.host}/${reference}`,
      };
      images.push({ ...image, digest, reference });
      uploadedBytes += result.uploadedBytes;
      log(`${image.name}: ${reference}, ${result.uploadedBytes} bytes moved`);
    }
    for (const image of images) {
      const { inputsHash } = requireBuild(context, image.name);
      if (inputsHash) {
        await store.releases.saveBuild(inputsHash, [image]);
      }
    }
    return {
      checkpoint: { pushes },
      release: { images },
      facts: {
        digest: images[0]?.digest ?? '',
        tag: images[0] ? pushes[images[0].name].tag : '',
        uploadedBytes,
      },
    };
  },
};
