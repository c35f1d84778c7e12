import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { PROVENANCE_MEDIA_TYPE, provenanceOf } from '../provenance';
import { pushReferrer } from '../referrers';
import { requireBuild, requireRegistry, requireScan } from '../requirements';
import { Stage } from '../types';

const SBOM_MEDIA_TYPE = 'application/vnd.cyclonedx+json';

/**
 * Writes down what was built from what, and publishes it with the SBOM beside
 * the image. Our own copies are what counts: a registry that takes no
 * referrers is reported and stops nothing.
 */
export const attestStage: Stage = {
  name: 'attest',
  needs: [],
  async run(context) {
    const { release, checkpoint, store, log, signal } = context;
    const { client } = requireRegistry(context);
    const provenance: Record<string, Digest> = {};
    const unpublished: string[] = [];
    let published = 0;
    for (const image of release.images) {
      const build = requireBuild(context, image.name);
      const scan = requireScan(context, image.name);
      const documents: Array<{
        what: string;
        mediaType: string;
        bytes: Buffer;
      }> = [];
      if (build.reused) {
        log(`${image.name}: its provenance was written down when it was built`);
      } else {
        const bytes = provenanceOf({
          release,
          source: checkpoint.source,
          image,
          build,
        });
        provenance[image.name] = await store.blobs.put(bytes);
        documents.push({
          what: 'provenance',
          mediaType: PROVENANCE_MEDIA_TYPE,
          bytes,
        });
      }
      const sbom = await store.blobs.get(scan.sbomBlob);
      if (sbom) {
        documents.push({
          what: 'SBOM',
          mediaType: SBOM_MEDIA_TYPE,
          bytes: sbom,
        });
      }
      for (const document of documents) {
        try {
          await pushReferrer(client, image, document, signal);
          published += 1;
          log(`${image.name}: ${document.what} published, unsigned`);
        } catch (error) {
          signal.throwIfAborted();
          unpublished.push(`${image.name} ${document.what}`);
          log(
            `${image.name}: the registry did not take the ${document.what} (it is kept here): ${error}`,
          );
        }
      }
    }
    return {
      checkpoint: { provenance },
      facts: {
        signed: false,
        slsaBuildLevel: 1,
        published,
        ...(unpublished.length > 0 && { notPublished: unpublished.join(', ') }),
      },
    };
  },
};
