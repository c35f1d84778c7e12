import { BuiltImage } from '@slipway/backstage-plugin-delivery-common';
import { ReleaseRow } from '../store';
import { BuildCheckpoint, ReleaseCheckpoint } from './checkpoint';

/** in-toto Statement v1 with a SLSA provenance v1 predicate. */
export const PROVENANCE_MEDIA_TYPE = 'application/vnd.in-toto+json';

/** Addresses may carry credentials; a statement is public. */
function withoutCredentials(repository: string): string {
  return repository.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}

/**
 * What was built from what, by whom. Says no more than is true: the statement
 * is made by the service that runs the build and is not signed, which is SLSA
 * Build level 1 at best. The same build gives the same bytes.
 *
 * Source: https://slsa.dev/spec/v1.0/provenance and
 * https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
export function provenanceOf(options: {
  release: Pick<ReleaseRow, 'id' | 'service' | 'commit' | 'version'>;
  source: ReleaseCheckpoint['source'];
  image: BuiltImage;
  build: BuildCheckpoint;
}): Buffer {
  const { release, source, image, build } = options;
  const repository = withoutCredentials(source.repository);
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      {
        name: image.repository,
        digest: { sha256: image.digest.slice('sha256:'.length) },
      },
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'https://slipway.dev/build/v1',
        externalParameters: {
          repository,
          revision: release.commit.sha,
          definition: source.definitionPath,
          component: release.service,
          image: image.name,
        },
        internalParameters: { inputs: build.inputs },
        resolvedDependencies: [
          {
            uri: repository,
            digest: { gitCommit: release.commit.sha },
          },
        ],
      },
      runDetails: {
        builder: {
          id: `https://slipway.dev/builder/${encodeURIComponent(
            build.builder.id,
          )}`,
          version: { [build.builder.id]: build.builder.version },
        },
        metadata: {
          invocationId: release.id,
          startedOn: new Date(build.startedAtMs).toISOString(),
          finishedOn: new Date(build.finishedAtMs).toISOString(),
        },
      },
    },
  };
  return Buffer.from(JSON.stringify(statement));
}
